"""Parts of the detector model, each against a plain statement of what it does."""

import numpy as np
import pytest

from jwpipe.simulate.calibration import draw_calibration
from jwpipe.simulate.detector import linearized, measured
from jwpipe.simulate.electronics import Electronics, Readout
from jwpipe.simulate.events import first_group
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.instrument import Detector, to_science
from jwpipe.simulate.modes import load
from jwpipe.simulate.optics import Fringes, Optics
from jwpipe.simulate.scene import SOURCE, render
from jwpipe.simulate.streams import Streams

MODE = load("nircam-image")


def exposure(**options):
    return plan(MODE, MODE.check(options))


@pytest.fixture(scope="module")
def calibration():
    small = exposure(subarray="SUB160")
    return draw_calibration(small, small.window, MODE.properties, Streams(1))


def test_measured_undoes_the_correction(calibration):
    linear = np.linspace(-50, 49000, calibration.bias.size, dtype="f4").reshape(calibration.bias.shape)
    back = linearized(measured(linear, calibration.coefficients), calibration.coefficients)
    assert np.abs(back - linear).max() < 0.02


def test_coupling_keeps_charge_and_spares_reference_pixels(calibration):
    charge = np.zeros(calibration.bias.shape, "f4")
    charge[50, 60] = 1000
    seen = calibration.couple(charge)
    assert seen[50, 60] == pytest.approx(980)
    assert seen[49:52, 60].sum() + seen[50, [59, 61]].sum() == pytest.approx(1000)
    charge[:] = 100
    charge[~calibration.active] = 0
    assert not calibration.couple(charge)[~calibration.active].any()


@pytest.mark.parametrize(
    ("fast", "slow", "corner"), [(1, 2, (0, 0)), (-1, 2, (0, 3)), (1, -2, (2, 0)), (2, 1, (0, 0)), (-2, -1, (3, 2))]
)
def test_first_pixel_read_is_in_the_right_corner(fast, slow, corner):
    frame = np.zeros((3, 4))  # three rows of four pixels
    frame[0, 0], frame[0, 1] = 1, 2
    science = to_science(frame, Detector("X", 1, "", "", fast, slow, 0, 0, 0, (1, 1), "X"))
    assert science[corner] == 1
    second = np.argwhere(science == 2)[0]
    axis = 1 if abs(fast) == 1 else 0
    assert second[axis] - corner[axis] == np.sign(fast)
    assert second[1 - axis] == corner[1 - axis]


def test_amplifiers_are_a_quarter_each_and_parity_is_the_detectors():
    from dataclasses import replace

    full = exposure(detector="NRCA1")
    quiet = replace(MODE.properties, pink=0.0, pink_rows=0.0, pedestal=0.0, parity=5.0)
    frame, _ = Electronics(Readout(full.instrument, full.detector, full.window), quiet).frame(Streams(1)("x"))
    assert frame.shape == (2048, 2048)
    levels = frame[0].reshape(4, 256, 2)
    assert np.ptp(levels, axis=1).max() < 1e-4
    np.testing.assert_allclose(levels[:, 0, 0], -levels[:, 0, 1], rtol=1e-5)
    assert len(np.unique(np.abs(levels[:, 0, 0]).round(4))) == 4
    # Read from right to left, 160 columns from the right end start with the detector's first, an even one.
    corner = exposure(detector="NRCA1", subarray="SUB160")
    assert Readout(corner.instrument, corner.detector, corner.window).first == 0
    assert Readout(corner.instrument, full.instrument.detectors["NRCB3"], corner.window).first == 1888


def test_a_hit_between_averaged_frames_is_seen_in_part():
    shallow = exposure(subarray="SUB160", readpatt="SHALLOW4")  # four frames, one dropped
    group, part = first_group(shallow, np.array([0, 1, 3, 4, 5]))
    assert group.tolist() == [0, 0, 0, 1, 1]
    assert part.tolist() == [1.0, 0.75, 0.25, 1.0, 1.0]


def test_flux_of_sources():
    sources = np.zeros(2, SOURCE)
    sources[0] = (b"STAR", 100.3, 99.8, 1000.0, 0, 0, 1, 0)
    sources[1] = (b"GALAXY", 100, 100, 1000.0, 4.0, 1.0, 0.7, 0.5)
    star = render((201, 201), sources[:1], 0.0, Optics(fwhm=2.1, wings=2.5))
    galaxy = render((201, 201), sources[1:], 0.0, Optics(fwhm=2.1, wings=2.5))
    assert star.sum() == pytest.approx(1000, rel=0.02)  # wings beyond the stamp
    assert galaxy.sum() == pytest.approx(1000, rel=0.02)
    assert np.unravel_index(star.argmax(), star.shape) == (100, 100)
    y, x = np.indices(galaxy.shape) - 100
    dx, dy = x * np.cos(0.5) + y * np.sin(0.5), (y * np.cos(0.5) - x * np.sin(0.5)) / 0.7
    assert galaxy[np.hypot(dx, dy) < 4].sum() == pytest.approx(500, rel=0.05)


def test_streams_depend_on_seed_and_purpose_alone():
    first = Streams(1)("read", 0, 3).random(4)
    Streams(1)("read", 0, 2).random(100)
    np.testing.assert_array_equal(Streams(1)("read", 0, 3).random(4), first)
    assert (Streams(2)("read", 0, 3).random(4) != first).all()
    assert (Streams(1)("photons", 0, 3).random(4) != first).all()
    np.testing.assert_array_equal(Streams(1).of("read", 0)(3).random(4), first)


def test_fringes_of_a_star():
    optics = Fringes(4.8e-6, 0.0655)
    y, x = np.mgrid[-40:41, -40:41].astype("f8")
    image = optics.profile(x, y)
    assert image.sum() == pytest.approx(1, rel=0.01)
    assert image[40, 40] == image.max() == pytest.approx(optics.peak)
    # Every pair of holes makes its own frequency: 42 of them, and the envelope of one hole at none.
    power = np.abs(np.fft.fftshift(np.fft.fft2(image)))
    step = np.deg2rad(0.0655 / 3600) / 4.8e-6 * 81
    u, v = np.rint(step * np.array([1.5 * 2.28631, 0])).astype(int)  # no baseline is this
    assert power[40 + v, 40 + u] < 0.05
    u, v = np.rint(step * np.array([2.28631 - 0, -1.32 + 2.64])).astype(int)
    assert power[40 + v, 40 + u] > 0.1
