"""Interference of a known wave, put into ramps and taken out again."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError
from jwpipe.products.emi import Case, EmiWaves
from jwpipe.steps.ramp.emicorr import Clock, clipped_means, emicorr, stretched

FREQUENCY = 218.52055  # Hz: 457.6 samples, not in step with the groups
MODE = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE", "NSAMPLES": 1}
SUB64 = {"SUBARRAY": "SUB64", "READPATT": "FASTR1"} | MODE
CASE = Case(28, 8512, ())


def wave(phase):
    """A wave of 6 DN from peak to peak that is no sine."""
    return 2 * np.sin(2 * np.pi * phase) + np.sin(4 * np.pi * phase + 1)


def disturbed(shape=(3, 12, 64, 72), noise=0.5, seed=1, **keywords):
    """Ramps with interference, and the interference."""
    rng = np.random.default_rng(seed)
    ny, nx = shape[2:]
    ramp = make_ramp(np.zeros(shape), **(SUB64 | keywords))
    clock = Clock.of(ramp, CASE)
    time = clock.start[..., None, None] + 28 * np.arange(ny)[:, None] + np.arange(nx // 4)
    added = np.repeat(wave(time * FREQUENCY * 1e-5 % 1), 4, axis=-1)
    flux = rng.exponential(30, (shape[0], 1, ny, nx)) + rng.normal(0, noise, shape)
    ramp.data = 8000 + flux.cumsum(axis=1) + added + rng.normal(0, noise, shape)
    return ramp, added


def correct(ramp, path=None, threads=1, run=None, **parameters):
    run = run or make_run(threads)
    return emicorr(ramp, make_references(ramp, emicorr=path), emicorr.params(skip=False, **parameters), run), run


def write_waves(path, names=("Hz218",), **cases):
    phase = (np.arange(300) + 40.5) / 300  # a phase of its own, and twice the amplitude
    cases = cases or {"SUB64": {"rowclocks": 28, "frameclocks": 8512, "freqs": {"FAST": list(names)}}}
    EmiWaves({"Hz218": (FREQUENCY, 2 * wave(phase)), "Hz10": (10.0, np.sin(phase))}, cases).write(path)
    return path


def left_over(ramp, added, before):
    """Share of the interference that is left, in the standard deviation."""
    return np.std(ramp.data - before + added) / np.std(added)


@pytest.mark.parametrize("reference", [False, True])
def test_the_wave_is_found_and_taken_out(tmp_path, reference):
    ramp, added = disturbed()
    before = ramp.data.copy()
    if reference:
        correct(ramp, write_waves(tmp_path / "emi.asdf"))
        assert left_over(ramp, added, before) < 0.05
    else:
        correct(ramp, onthefly_corr_freq=[FREQUENCY])
        assert left_over(ramp, added, before) < 0.07  # the median of a ramp is not that of the wave


def test_any_number_of_threads_gives_the_same_bits(tmp_path):
    made = []
    for threads in (1, 2, 8):
        ramp, _ = disturbed(noise=3)
        correct(ramp, threads=threads, onthefly_corr_freq=[FREQUENCY, 390.625])
        made.append(ramp.data)
    np.testing.assert_array_equal(made[1], made[0])
    np.testing.assert_array_equal(made[2], made[0])


def test_integrations_that_are_not_sought_in_are_corrected_at_their_own_phase():
    ramp, added = disturbed()
    before = ramp.data.copy()
    correct(ramp, onthefly_corr_freq=[FREQUENCY], nints_to_phase=2)
    assert np.std(ramp.data[2] - before[2] + added[2]) < 0.07 * np.std(added[2])


def test_the_reference_is_scaled_only_if_asked_for(tmp_path):
    path = write_waves(tmp_path / "emi.asdf")
    sizes = []
    for scale in (True, False):
        ramp, _ = disturbed()
        before = ramp.data.copy()
        correct(ramp, path, scale_reference=scale)
        sizes.append(np.std(ramp.data - before))
    assert sizes[1] / sizes[0] == pytest.approx(2, rel=0.05)


def test_pixels_without_counts_and_outliers_do_no_harm():
    ramp, added = disturbed()
    rng = np.random.default_rng(0)
    ramp.data[0, :, 3, 4:20] = np.nan
    hits = rng.random(ramp.shape) < 5e-4
    ramp.data[hits] += 3000
    before = ramp.data.copy()
    correct(ramp, onthefly_corr_freq=[FREQUENCY])
    assert (np.isnan(ramp.data) == np.isnan(before)).all()
    kept = np.isfinite(before)
    assert np.std((ramp.data - before + added)[kept]) < 0.15 * np.std(added)


def test_the_waves_found_can_be_saved_and_used_again(tmp_path):
    ramp, _ = disturbed()
    _, run = correct(ramp, onthefly_corr_freq=[FREQUENCY], save_intermediate_results=True)
    run.saved["emi_ref_waves"].write(tmp_path / "waves.asdf")
    again, _ = disturbed()
    before = again.data.copy()
    correct(again, user_supplied_reffile=str(tmp_path / "waves.asdf"))
    np.testing.assert_allclose(again.data - before, ramp.data - before, atol=2e-3)
    assert EmiWaves.read(tmp_path / "waves.asdf").case("SUB64", "FAST", "MIRIMAGE").names == (repr(FREQUENCY),)


def test_cases_are_found_by_subarray_speed_and_detector(tmp_path):
    freqs = {"FASTR1": ["Hz218"], "SLOW": {"MIRIMAGE": ["Hz10", "Hz218"], "MIRIFULONG": []}}
    waves = EmiWaves.read(write_waves(tmp_path / "e.asdf", B={"frameclocks": 1, "freqs": freqs, "rowclocks": 2}))
    assert waves.case("B", "FAST", "MIRIMAGE") == Case(2, 1, ("Hz218",))
    assert waves.case("B", "SLOW", "MIRIMAGE").names == ("Hz10", "Hz218")
    assert waves.case("B", "SLOW", "MIRIFULONG").names == ()
    assert waves.case("B", "SLOW", "MIRIFUSHORT").names == ()
    assert waves.case("A", "SLOW", "MIRIMAGE") is None


@pytest.mark.parametrize(
    ("keywords", "shape", "why"),
    [
        ({}, (1, 5, 8, 8), "no emicorr reference applies"),
        ({"INSTRUME": "NIRCAM"}, (1, 5, 8, 8), "MIRI alone"),
        ({"READPATT": "FASTGRPAVG"}, (1, 5, 8, 8), "READPATT FASTGRPAVG"),
    ],
)
def test_it_is_skipped_with_the_reason(keywords, shape, why):
    with pytest.raises(Skip, match=why):
        correct(make_ramp(np.zeros(shape), **(SUB64 | keywords)))


@pytest.mark.parametrize(
    ("keywords", "shape", "kind", "why"),
    [
        ({"SUBARRAY": "SUB128"}, (1, 5, 8, 8), Skip, "no waves are known for SUB128, FAST"),
        ({"SUBARRAY": "FULL", "READPATT": "SLOW"}, (1, 5, 8, 8), Skip, "FULL_SLOW, SLOW, MIRIMAGE"),
        ({}, (1, 3, 8, 8), Skip, "3 groups are too few"),
        ({}, (1, 5, 8, 6), InputError, "6 columns"),
        ({"NSAMPLES": None}, (1, 5, 8, 8), InputError, "no NSAMPLES"),
    ],
)
def test_it_needs_a_case_groups_and_a_header(tmp_path, keywords, shape, kind, why):
    with pytest.raises(kind, match=why):
        correct(make_ramp(np.zeros(shape), **(SUB64 | keywords)), write_waves(tmp_path / "emi.asdf"))


def test_a_reference_that_is_none_is_told(tmp_path):
    ramp = make_ramp(np.zeros((1, 5, 8, 8)), **SUB64)
    broken = tmp_path / "broken.asdf"
    broken.write_text("no tree\n")
    incomplete = write_waves(tmp_path / "i.asdf", SUB64={"rowclocks": 28, "freqs": {"FAST": ["Hz218"]}})
    for path, why in (
        (tmp_path / "none.asdf", "none.asdf"),
        (broken, "broken.asdf"),
        (write_waves(tmp_path / "w.asdf", names=["Hz164"]), "Hz164, which is not among"),
        (incomplete, "case SUB64 is incomplete: 'frameclocks'"),
    ):
        with pytest.raises(ReferenceError, match=why):
            correct(ramp, user_supplied_reffile=str(path))


def test_bins_are_clipped_as_if_one_by_one():
    def clipped(values):
        """Clipped mean with the limits of build 10.2, value by value."""
        n = len(values)
        if n < 2:
            return 0.0
        mean, kept = 2 * values.mean(), np.ones(n, bool)
        spread, last, count = np.sqrt(((values - mean) ** 2).sum() / (n - 1)), None, n
        for _ in range(9):
            if last == count or count < 2:
                break
            last = count
            kept &= (values >= mean - 3 * spread) & (values <= mean + 3 * spread)
            count = 2 * kept.sum()
            if count:
                mean = values[kept].mean()
                spread = np.sqrt(2 * ((values[kept] - mean) ** 2).sum() / (count - 1))
        return mean

    rng = np.random.default_rng(7)
    bins = [rng.normal(0, 1, n) + (rng.random(n) < 0.1) * rng.normal(0, 20, n) for n in (0, 1, 2, 3, 50, 1000)]

    class Few:
        def within(self, low, high, core_low, core_high, active):
            chosen = [v[(v >= a) & (v <= b)] for v, a, b in zip(bins, low, high, strict=True)]
            return np.array([[len(v) for v in chosen], [v.sum() for v in chosen], [(v**2).sum() for v in chosen]])

    np.testing.assert_allclose(clipped_means(Few(), len(bins)), [clipped(v) for v in bins], rtol=1e-12, atol=1e-15)


def test_waves_are_stretched_to_whole_samples():
    assert stretched(np.arange(4.0), 8).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(stretched(np.arange(228.0), 457.62)) == 458
