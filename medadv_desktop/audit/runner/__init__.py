"""Carrying an audit out: cell by cell, batch by batch, whatever happens in between."""
