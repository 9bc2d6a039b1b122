"""Generative adversarial perturbations: a network is trained to perturb, then perturbs at once.

Poursaeed, Katsman, Gao, Belongie: Generative Adversarial Perturbations, CVPR 2018.
recipe.py and attack.py can be read without torch.
"""
