"""The common-perturbation benchmark: an image and its slow change, frame by frame.

After ImageNet-P (Hendrycks & Dietterich, ICLR 2019), as Xu et al. (Medical Image Analysis 2021) use
it: the first ten frames of its fourteen kinds, in the model input, without videos. A kind is one
class and one entry in registry.py.
"""
