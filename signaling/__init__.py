"""Carries descriptions between two peers."""
