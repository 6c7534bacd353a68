"""Command lines. Only this package reads ``argv``; importing it loads nothing heavy."""
