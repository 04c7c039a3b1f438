"""Rescaling by the gain factor."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.products.images import Cube, Image
from jwpipe.steps.ramp.gain_scale import gain_scale


def make_rates(cls, **keywords):
    shape = (4, 4) if cls is Image else (2, 4, 4)
    product = cls.like(make_ramp(np.zeros((2, 1, 4, 4)), **keywords))
    for name in ("data", "err", "var_poisson"):
        setattr(product, name, np.full(shape, 3.0))
    return product


def scale(product, path=None):
    return gain_scale(product, make_references(product, gain=path), gain_scale.params(), make_run())


@pytest.mark.parametrize("cls", [Image, Cube])
def test_values_errors_and_variances_are_scaled(cls, tmp_path):
    product = make_rates(cls)
    scale(product, write_reference(tmp_path / "gain.fits", {"SCI": np.ones((4, 4))}, GAINFACT=2.0))
    assert (product.data == 6).all()
    assert (product.err == 6).all()
    assert (product.var_poisson == 12).all()
    assert product.var_rnoise is None
    assert product["GAINFACT"] == 2


def test_the_exposures_own_factor_comes_first(tmp_path):
    product = make_rates(Image, GAINFACT=3.0)
    assert (scale(product).data == 9).all()


def test_a_standard_gain_needs_no_scaling(tmp_path):
    with pytest.raises(Skip, match="GAINFACT"):
        scale(make_rates(Image), write_reference(tmp_path / "gain.fits", {"SCI": np.ones((4, 4))}))
