"""Looks for what keeps calls from working here, each with a sentence and a remedy."""
