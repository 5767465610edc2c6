"""Real pictures of hands that nobody labelled, labelled by a model that was trained on synthetic ones (Lee 2013,
"Pseudo-Label"), to be learnt from beside these: `sources` reads them, `teacher` labels them, `batches` shows them."""
