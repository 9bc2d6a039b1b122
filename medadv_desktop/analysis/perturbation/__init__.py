"""What a perturbation is in the image: size, spectrum, structure, and whether it can be seen."""
