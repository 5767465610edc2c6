"""Speed beside accuracy, of model bundles and of what people use today, on the same frames."""
