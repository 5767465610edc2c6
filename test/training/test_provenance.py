"""A card says where its weights come from."""

from pathlib import Path

from training.provenance import forebear


def test_the_card_says_which_bundle_a_stage_went_on_from(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("{name: hand, version: 0.9.0, card: {samples: {depth: 1234567}}}")
    graph = str(tmp_path / "encoder.onnx")
    assert forebear(graph, "depth") == "hand 0.9.0, after 1,234,567 samples"
    assert forebear(graph, "rgb") == "hand 0.9.0"
    assert forebear(None, "rgb") is None
    assert forebear("elsewhere/encoder.onnx", "rgb") == "elsewhere/encoder.onnx"
