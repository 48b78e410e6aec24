"""Real browsers (Chromium by CDP, Firefox by WebDriver BiDi) and the pages that they open."""
