"""Tables as text (ECSV), as `astropy` reads them: columns with units are quantities, places are sky coordinates.

They are written without `astropy`: its writer takes a second, most of it to be imported.

Source: the ECSV standard 1.0 (astropy-APEs, APE 6).
"""

import base64
import json
from dataclasses import dataclass

import numpy as np

from jwpipe.products.fitsfile import Content, write_fits
from jwpipe.products.product import Product

__all__ = ["Catalogue", "Column", "Sky"]

DATATYPES = {"f8": "float64", "f4": "float32", "i4": "int32", "i8": "int64", "b1": "bool"}


@dataclass
class Column:
    """Numbers.

    Attributes
    ----------
    name : str
        Name of the column.
    values : ndarray, (n,)
        What stands in it.
    description : str
        What it means.
    unit : str or None
        Unit, ``""`` for numbers of none that are quantities all the same; None: plain numbers.
    form : str or None
        How to format values when they are shown; they are written in full.
    """

    name: str
    values: np.ndarray
    description: str = ""
    unit: str | None = None
    form: str | None = None

    def parts(self):
        """The columns of the file that make it up: name, values, unit, format and description."""
        return [(self.name, self.values, self.unit, self.form, self.description)]

    def class_of(self):
        """Lines that tell the reader to make a quantity of it."""
        if self.unit is None:
            return []
        return [
            "  __class__: astropy.units.quantity.Quantity",
            f"  unit: !astropy.units.Unit {{unit: {json.dumps(self.unit)}}}",
            f"  value: !astropy.table.SerializedColumn {{name: {self.name}}}",
        ]


@dataclass
class Sky:
    """Places on the sky (ICRS): right ascension and declination, degrees."""

    name: str
    ra: np.ndarray
    dec: np.ndarray
    description: str = ""

    def parts(self):
        """The columns of the file that make it up: name, values, unit, format and description."""
        return [(f"{self.name}.ra", self.ra, "deg", None, ""), (f"{self.name}.dec", self.dec, "deg", None, "")]

    def class_of(self):
        """Lines that tell the reader to make coordinates of it."""
        lines = [
            "  __class__: astropy.coordinates.sky_coordinate.SkyCoord",
            f"  __info__: {{description: {json.dumps(self.description)}}}",
        ]
        for axis, kind in (("dec", "Latitude"), ("ra", "Longitude")):
            lines += [
                f"  {axis}: !astropy.table.SerializedColumn",
                f"    __class__: astropy.coordinates.angles.{kind}",
                "    unit: !astropy.units.Unit {unit: deg}",
                f"    value: !astropy.table.SerializedColumn {{name: {self.name}.{axis}}}",
            ]
            if axis == "ra":
                lines.append(
                    "    wrap_angle: !astropy.coordinates.Angle {unit: !astropy.units.Unit {unit: deg}, value: 360.0}"
                )
        return [*lines, "  frame: icrs", "  representation_type: spherical"]


class Catalogue(Product):
    """Sources of an image (`cat`).

    Attributes
    ----------
    columns : list of Column or Sky
        What is known of them, of equal lengths.
    meta : dict
        What is known of all of them: numbers, texts, tuples, arrays, and dictionaries of these.
    """

    datamodl = "SourceCatalogModel"
    suffix = "cat"
    ending = ".ecsv"

    def __init__(self, threads=1):
        super().__init__(threads)
        self.columns, self.meta = [], {}

    def __len__(self):
        return len(self.columns[0].parts()[0][1]) if self.columns else 0

    def __getitem__(self, key):
        """Values of a column of numbers, or of a keyword."""
        for column in self.columns:
            if column.name == key:
                return column.values
        return super().__getitem__(key)

    def text(self):
        """The table as it stands in a file."""
        parts = [part for column in self.columns for part in column.parts()]
        lines = ["%ECSV 1.0", "---", "datatype:"]
        lines += [f"- {{{', '.join(entries(*part))}}}" for part in parts]
        lines += ["meta: !!omap"]
        for name, value in self.meta.items():
            first, *rest = written(name, value)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        lines.append("- __serialized_columns__:")
        for column in sorted(self.columns, key=lambda column: column.name):
            if kind := column.class_of():
                lines += [f"    {column.name}:", *(f"    {line}" for line in kind)]
        lines.append("schema: astropy-2.0")
        rows = zip(*(formatted(values) for _, values, *_ in parts), strict=True)
        names = " ".join(name for name, *_ in parts)
        return "\n".join([*(f"# {line}" for line in lines), names, *map(" ".join, rows), ""])

    def write(self, path, stage=None):
        """Write the table whole, or not at all; see `Product.write`."""
        write_fits(path, [Content(self.text().encode())], stage)


def entries(name, values, unit, form, description):
    """What the header says of a column of the file."""
    yield f"name: {name}"
    if unit:
        yield f"unit: {unit}"
    yield f"datatype: {DATATYPES[np.asarray(values).dtype.str[1:]]}"
    if form:
        yield f"format: {form}"
    if description:
        yield f"description: {json.dumps(description)}"


def formatted(values):
    """Values as text, from which the same values are read."""
    values = np.asarray(values)
    return map(str, values if values.dtype == np.float32 else values.tolist())


def written(name, value):
    """Lines that say a name and a value in YAML."""
    if isinstance(value, dict):
        lines = [f"{name}:"]
        for key, one in value.items():
            lines += [f"  {line}" for line in written(key, one)]
        return lines
    if isinstance(value, np.ndarray):
        content = base64.b64encode(base64.b64encode(np.ascontiguousarray(value).tobytes())).decode()
        return [
            f"{name}: !numpy.ndarray",
            f"  buffer: !!binary {content}",
            f"  dtype: {value.dtype}",
            "  order: C",
            f"  shape: !!python/tuple [{', '.join(map(str, value.shape))}]",
        ]
    if isinstance(value, tuple):
        return [f"{name}: !!python/tuple [{', '.join(map(json.dumps, value))}]"]
    return [f"{name}: {json.dumps(value)}"]
