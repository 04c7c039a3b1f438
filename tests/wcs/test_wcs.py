"""Transforms of real references beside gwcs and astropy, coordinates in products, tangent planes."""

from dataclasses import replace
from pathlib import Path

import asdf
import numpy as np
import pytest

from jwpipe.errors import InputError, UsageError
from jwpipe.products import asdftree
from jwpipe.products.images import Image
from jwpipe.wcs import PixelMap, Wcs, read_wcs_file
from jwpipe.wcs.foreign import evaluate
from jwpipe.wcs.transforms import (
    Beside,
    Constant,
    Identity,
    Mapping,
    NoInverseError,
    Pipe,
    Rotation,
    Scale,
    Shift,
    Spherical,
    TangentPlane,
)
from jwpipe.wcs.tree import Frame, Reader

DATA = Path(__file__).parent.parent / "data" / "wcs"
DISTORTIONS = sorted(path.name for path in DATA.glob("*distortion*"))
PIXELS = np.random.default_rng(1).uniform(0, 1000, (2, 1000))


def read_model(path):
    root, blocks = asdftree.read_file(path)
    return Reader(blocks).transform(asdftree.member(root, "model"))


def to_sky(v2=-120.0, v3=-520.0, roll=33.3, ra=359.99, dec=-72.5):
    """A telescope's field on the sky, over the meridian of 0."""
    rotation = Rotation((v2 / 3600, -v3 / 3600, roll, dec, -ra), "zyxyz")
    degrees = Beside(Scale(1 / 3600), Scale(1 / 3600))
    return Pipe(Pipe(Pipe(degrees, Spherical(True, 180)), rotation), Spherical(False, 360))


def make_wcs(name="jwst_nircam_distortion_0096.asdf", shape=(64, 50), **pointing):
    ny, nx = shape
    distortion = Pipe(Beside(Shift(100.0), Shift(200.0)), read_model(DATA / name))
    return Wcs(
        [
            (Frame.make("pixels", "detector"), distortion.boxed(((-0.5, nx - 0.5), (-0.5, ny - 0.5)))),
            (Frame.make("telescope", "v2v3"), to_sky(**pointing)),
            (Frame.make("sky", "world"), None),
        ]
    )


def vectors(ra, dec):
    ra, dec = np.deg2rad(ra), np.deg2rad(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def make_image(shape=(64, 50)):
    image = Image()
    image.data = np.zeros(shape)
    for keyword, value in {"INSTRUME": "NIRCAM", "DETECTOR": "NRCBLONG", "EXP_TYPE": "NRC_IMAGE"}.items():
        image[keyword] = value
    return image


def in_gwcs(path):
    """The gwcs object of a product, read by others."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        content = hdus["ASDF"].data.tobytes()
    path = path.with_suffix(".asdf")
    path.write_bytes(content)
    with asdf.open(path, lazy_load=False) as file:
        return file["meta"]["wcs"]


@pytest.mark.parametrize("name", DISTORTIONS)
def test_real_distortions_are_those_of_astropy(name):
    ours = read_model(DATA / name)
    with asdf.open(DATA / name, lazy_load=False) as file:
        theirs = file["model"]
        for one, other in ((ours, theirs), (ours.inverse(), theirs.inverse)):
            points = PIXELS if one is ours else np.array(theirs(*PIXELS))
            expected = np.array(other(*points))
            found = evaluate(one, points)
            np.testing.assert_allclose(found, expected, atol=1e-10)
            for threads in (2, 8):
                np.testing.assert_array_equal(evaluate(one, points, threads), found)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_product_keeps_coordinates_and_gwcs_reads_them(tmp_path, name):
    image, wcs = make_image(), make_wcs(name)
    image.wcs = wcs
    image.write(tmp_path / "x_cal.fits")
    sky = wcs(*PIXELS)
    again = Image.read(tmp_path / "x_cal.fits").wcs
    assert again.frames == ("detector", "v2v3", "world")
    assert again.bounding_box == ((-0.5, 49.5), (-0.5, 63.5))
    np.testing.assert_array_equal(again(*PIXELS), sky)
    np.testing.assert_array_equal(again.invert(*sky), wcs.invert(*sky))
    theirs = in_gwcs(tmp_path / "x_cal.fits")
    assert theirs.available_frames == ["detector", "v2v3", "world"]
    np.testing.assert_allclose(theirs(*PIXELS, with_bounding_box=False), sky, rtol=0, atol=1e-12)
    np.testing.assert_allclose(theirs.invert(*sky, with_bounding_box=False), wcs.invert(*sky), rtol=0, atol=1e-7)
    assert (theirs.bounding_box[0], theirs.bounding_box[1]) == ((-0.5, 49.5), (-0.5, 63.5))


def test_coordinates_go_with_the_product_and_can_be_taken_off(tmp_path):
    image = make_image()
    assert image.wcs is None
    image.wcs = make_wcs()
    image.write(tmp_path / "x_cal.fits")
    read = Image.read(tmp_path / "x_cal.fits")
    other = Image.like(read)
    other.data = np.ones((64, 50))
    other.write(tmp_path / "y_cal.fits")  # as it came: nobody asked for the coordinates
    assert Image.read(tmp_path / "y_cal.fits").wcs.frames == image.wcs.frames
    copied = read.copy()
    copied.wcs.bounding_box = (0, 10), (0, 20)
    assert read.wcs.bounding_box == ((-0.5, 49.5), (-0.5, 63.5))
    copied.write(tmp_path / "z_cal.fits")
    assert Image.read(tmp_path / "z_cal.fits").wcs.bounding_box == ((0, 10), (0, 20))
    copied.wcs = None
    copied.write(tmp_path / "z_cal.fits")
    assert Image.read(tmp_path / "z_cal.fits").wcs is None


def test_frames_of_telescope_and_sky():
    wcs = make_wcs()
    v2v3 = wcs.between("detector", "v2v3")(*PIXELS)
    ra, dec = wcs.between("v2v3", "world")(*v2v3)
    np.testing.assert_allclose((ra, dec), wcs(*PIXELS), rtol=0, atol=1e-12)
    np.testing.assert_allclose(wcs.between("world", "v2v3")(ra, dec), v2v3, atol=1e-8)
    assert ra.min() < 1
    assert ra.max() > 359  # the field lies across 0
    scalar = wcs(3, 4)
    assert np.shape(scalar[0]) == ()
    assert np.isnan(wcs(np.nan, 4.0)).all()


def test_pixel_map_is_there_and_back():
    source, target = make_wcs(), Wcs.tangent((20.0, 30.0), (0.01, -72.5), np.eye(2), (1.7e-5, 1.7e-5), (100, 90))
    y, x = np.indices((64, 50), float)
    expected = target.invert(*source(x, y))
    found = PixelMap(source, target, (64, 50)).rows()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for threads in (2, 8):
        np.testing.assert_array_equal(PixelMap(source, target, (64, 50)).rows(threads=threads), found)
    np.testing.assert_allclose(PixelMap(target, target, (5, 6)).rows(), np.indices((5, 6))[::-1], atol=1e-8)


def test_pixel_map_of_a_detector_is_exact():
    source = make_wcs()
    target = Wcs.tangent((900.0, 1200.0), source(1000, 1000), np.eye(2), (1.7e-5, 1.7e-5), (2100, 2100))
    places = PixelMap(source, target, (2048, 2048))
    assert places._powers is not None  # the way that is tested here is taken
    x, y = places.rows(700, 703)
    exact = target.invert(*source(*np.indices((3, 2048))[::-1] + np.array([0, 700])[:, None, None]))
    np.testing.assert_allclose((x, y), exact, rtol=0, atol=3e-9)
    np.testing.assert_array_equal(places.rows(threads=2)[0][700:703], x)


def test_pixel_map_of_what_no_polynomial_follows_is_evaluated_everywhere():
    source = Wcs.tangent((200.0, 200.0), (0.0, 0.0), np.eye(2), (0.1, 0.1), (400, 400))
    target = Wcs.tangent((200.0, 200.0), (40.0, 0.0), np.eye(2), (0.1, 0.1), (400, 400))
    places = PixelMap(source, target, (400, 400))
    assert places._powers is None
    y, x = np.indices((400, 400))
    np.testing.assert_allclose(places.rows(), target.invert(*source(x, y)), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("crval", "angle"), [((150.1, 2.3), 0.3), ((0.0, 89.999), 2.0), ((359.9999, -45.0), 1.0)])
def test_tangent_plane_is_that_of_fits(tmp_path, crval, angle):
    from astropy.wcs import WCS

    pc = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs = Wcs.tangent((20.5, 30.25), crval, pc, (1.7e-5, 1.8e-5), (100, 90))
    header = WCS(naxis=2)
    header.wcs.crpix, header.wcs.crval, header.wcs.pc, header.wcs.cdelt = (21.5, 31.25), crval, pc, (1.7e-5, 1.8e-5)
    header.wcs.ctype = "RA---TAN", "DEC--TAN"
    expected = header.wcs_pix2world(*PIXELS, 0)
    found = wcs(*PIXELS)
    np.testing.assert_allclose(vectors(*found), vectors(*expected), rtol=0, atol=1e-14)
    np.testing.assert_allclose(wcs.invert(*found), PIXELS, atol=1e-6)
    assert wcs.bounding_box == ((-0.5, 89.5), (-0.5, 99.5))
    image = make_image((100, 90))
    image.wcs = wcs
    image.write(tmp_path / "x_i2d.fits")
    theirs = in_gwcs(tmp_path / "x_i2d.fits")
    np.testing.assert_allclose(vectors(*theirs(*PIXELS, with_bounding_box=False)), vectors(*found), rtol=0, atol=1e-14)
    assert theirs.pixel_shape == (90, 100)


def test_transform_that_is_not_known_is_evaluated_by_others(tmp_path):
    from astropy.modeling import models

    power = models.Polynomial1D(2, c0=1, c1=2, c2=3) & models.PowerLaw1D(2.0, 1.0, -1.5)
    rotated = models.Rotation2D(30.0) | models.Shift(1.0) & models.Scale(2.0)
    path = tmp_path / "x.asdf"
    with asdf.AsdfFile({"power": power, "rotated": rotated}, version="1.5.0") as file:
        file.write_to(path)
    root, blocks = asdftree.read_file(path)
    for name, model in (("power", power), ("rotated", rotated)):
        ours = Reader(blocks).transform(asdftree.member(root, name))
        assert ours.foreign
        np.testing.assert_allclose(evaluate(ours, PIXELS + 1), model(*(PIXELS + 1)), rtol=1e-13)
    points = evaluate(ours, PIXELS)
    np.testing.assert_allclose(evaluate(ours.inverse(), points), PIXELS, atol=1e-9)


def test_file_with_coordinates(tmp_path):
    wcs = Wcs.tangent((20.5, 30.25), (150.1, 2.3), np.eye(2), (1.7e-5, 1.8e-5), (100, 90))
    image = make_image((100, 90))
    image.wcs = wcs
    image.write(tmp_path / "x_i2d.fits")
    with asdf.AsdfFile({"wcs": in_gwcs(tmp_path / "x_i2d.fits"), "pixel_area": 1e-13}) as file:
        file.write_to(tmp_path / "grid.asdf")
    found, extra = read_wcs_file(tmp_path / "grid.asdf")
    assert extra == {"pixel_area": 1e-13, "pixel_shape": [90, 100]}
    np.testing.assert_array_equal(found(*PIXELS), wcs(*PIXELS))
    for content in (None, b"nothing", b"#ASDF 1.0.0\n--- {wcs: &a [*a]}\n...\n"):
        path = tmp_path / "bad.asdf"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError):
            read_wcs_file(path)


@pytest.mark.parametrize(
    "damage", [("offset: 100.0", "offset: [1]"), ("shift-1.2.0", "shaft-1.2.0"), ("steps:", "no:")]
)
def test_damaged_coordinates_are_told(tmp_path, damage):
    image = make_image()
    image.wcs = make_wcs()
    image.write(tmp_path / "x_cal.fits")
    content = (tmp_path / "x_cal.fits").read_bytes().replace(*(word.encode() for word in damage))
    (tmp_path / "x_cal.fits").write_bytes(content)
    with pytest.raises(InputError, match="coordinates"):
        Image.read(tmp_path / "x_cal.fits").wcs(1, 1)


@pytest.mark.parametrize(
    "damage", [(b"meta:", b"meta:["), (b"meta:", b"a: &a [*a]\nmeta:"), (b"detector", b"detec\xff\xfer")]
)
def test_damaged_trees_are_told(tmp_path, damage):
    image = make_image()
    image.wcs = make_wcs()
    image.write(tmp_path / "x_cal.fits")
    content = (tmp_path / "x_cal.fits").read_bytes()
    place = content.index(b"#ASDF")
    changed = content[:place] + content[place:].replace(*damage, 1).replace(b"axes_names: [lon, lat]", b"", 1)
    (tmp_path / "x_cal.fits").write_bytes(changed[: len(content)].ljust(len(content)))
    with pytest.raises(InputError, match="ASDF"):
        Image.read(tmp_path / "x_cal.fits")


@pytest.mark.parametrize("names", ["inputs: [x]", "inputs: [x, y, z]", "outputs: [a]"])
def test_transforms_of_other_coordinates_than_they_name_are_told(tmp_path, names):
    text = f"--- {{wcs: {{steps: [{{frame: a, transform: !transform/identity-1.2.0 {{n_dims: 2, {names}}}}},"
    text += " {frame: b, transform: null}]}}"
    (tmp_path / "x.asdf").write_text(f"#ASDF 1.0.0\n%TAG ! tag:stsci.edu:asdf/\n{text}\n...\n")
    with pytest.raises(UsageError, match="other coordinates"):
        read_wcs_file(tmp_path / "x.asdf")


def test_other_numbers_of_coordinates_are_refused():
    with pytest.raises(ValueError, match="3 coordinates"):
        make_wcs().between("detector", "v2v3")(1, 2, 3)
    cube = Wcs([(Frame.make("pixels", "detector"), Beside(Identity(2), Constant(1.0))), make_wcs().steps[-1]])
    with pytest.raises(ValueError, match="of 3"):
        PixelMap(cube, cube, (2, 2)).rows()


def test_what_has_no_inverse_is_solved_for():
    wcs = make_wcs()
    frame, distortion = wcs.steps[0]
    assert isinstance(distortion.right, Pipe)
    bare = replace(distortion, right=replace(distortion.right, own_inverse=None))
    with pytest.raises(NoInverseError):
        bare.inverse()
    solved = Wcs([(frame, bare), *wcs.steps[1:]])
    sky = wcs(*PIXELS)
    np.testing.assert_allclose(solved.invert(*sky), PIXELS, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(solved.invert(*sky, threads=2), solved.invert(*sky))
    plane = Wcs.tangent((20.0, 30.0), (0.01, -72.5), np.eye(2), (1.7e-5, 1.7e-5), (100, 90))
    y, x = np.indices((6, 5), float)
    found = solved.invert(*plane(x, y))
    np.testing.assert_allclose(PixelMap(plane, solved, (6, 5)).rows(), found, atol=1e-6)
    np.testing.assert_allclose(solved(*found), plane(x, y), rtol=0, atol=1e-11)
    flat = Wcs([(frame, Pipe(Mapping((0,), 2), Mapping((0, 0)))), wcs.steps[-1]])
    assert np.isnan(flat.invert(1.0, 1.0)).all()


def test_tangent_plane_in_one_piece(tmp_path):
    from astropy.modeling.models import Pix2Sky_Gnomonic
    from gwcs import FITSImagingWCSTransform

    pc = np.array([[-0.9, 0.2], [0.1, 1.1]])
    model = FITSImagingWCSTransform(
        Pix2Sky_Gnomonic(), crpix=(20.5, 30.25), crval=(150.1, 2.3), cdelt=(1.7e-5, 1.8e-5), pc=pc
    )
    with asdf.AsdfFile({"model": model}) as file:
        file.write_to(tmp_path / "x.asdf")
    ours = read_model(tmp_path / "x.asdf")
    assert isinstance(ours, TangentPlane)
    sky = np.array(model(*PIXELS))
    np.testing.assert_allclose(evaluate(ours, PIXELS), sky, rtol=0, atol=1e-12)
    np.testing.assert_allclose(evaluate(ours.inverse(), sky), PIXELS, atol=1e-6)


def test_correction_moves_the_field_and_is_combined_with_the_next():
    wcs, reference = make_wcs(), (-120.0, -520.0, 33.3)
    corrected = wcs.corrected(np.eye(2), (3.0, -4.0), reference)
    assert corrected.frames == ("detector", "v2v3", "v2v3corr", "world")
    before, after = vectors(*wcs(*PIXELS)), vectors(*corrected(*PIXELS))
    moved = np.rad2deg(np.linalg.norm(after - before, axis=0)) * 3600
    np.testing.assert_allclose(moved, 5, rtol=1e-4)
    np.testing.assert_allclose(corrected.invert(*corrected(*PIXELS)), wcs.invert(*wcs(*PIXELS)), atol=1e-6)
    turn, back = np.array([[0.6, 0.8], [-0.8, 0.6]]), np.array([[0.6, -0.8], [0.8, 0.6]])
    again = corrected.corrected(turn, (0, 0), reference).corrected(back, -(back @ turn) @ (3.0, -4.0), reference)
    assert again.frames == corrected.frames
    np.testing.assert_allclose(vectors(*again(*PIXELS)), before, rtol=0, atol=1e-14)
    with pytest.raises(InputError, match="another point"):
        corrected.corrected(turn, (0, 0), (-121.0, -520.0, 33.3))
    with pytest.raises(InputError, match="v2v3"):
        Wcs.tangent((0, 0), (0, 0), np.eye(2), (1, 1), (2, 2)).corrected(turn, (0, 0), reference)
