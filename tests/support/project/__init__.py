"""The project itself under test: its sources, rules, documents, and required tools."""
