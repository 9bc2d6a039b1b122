"""Chart values on screen. `plotting` imports pyqtgraph; it is imported with the first chart."""
