"""The study of the cross-modal latent space: every modality, every training strategy, on one benchmark."""
