"""Mails and documents: the scenarios and figures in them, held against each other. Pure."""
