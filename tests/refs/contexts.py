"""Small contexts written by tests, among them one that has every corner of the rules language."""

from jwpipe.refs import rules

DATE = ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")
TYPE = ("META.EXPOSURE.TYPE",)
FILTER = ("META.INSTRUMENT.FILTER",)


def signed(header, selector):
    """Format a rules file with its checksum."""
    lines = "".join(f"    {key!r} : {value!r},\n" for key, value in header.items())
    text = f"header = {{\n{lines}    'sha1sum' : '-',\n}}\n\nselector = {selector}\n"
    return text.replace("'sha1sum' : '-'", f"'sha1sum' : '{rules.checksum(text)}'")


def rmap(name, parkey, selector, **extra):
    header = {"derived_from": "by hand", "filekind": name.split("_")[2].upper(), "instrument": "NIRCAM"}
    header |= {"mapping": "REFERENCE", "name": name, "observatory": "JWST", "parkey": parkey}
    return signed(header | extra, selector)


def write_context(root, types, context="jwst_9001.pmap", instrument="NIRCAM"):
    """Write a context of one instrument: `types` gives each type's rules text, or N/A or OMIT."""
    folder = root / "mappings" / "jwst"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"jwst_{instrument.lower()}"
    common = {"derived_from": "by hand", "observatory": "JWST"}
    files = {t.upper(): text if text in ("N/A", "OMIT") else f"{stem}_{t}_9001.rmap" for t, text in types.items()}
    imap = common | {"instrument": instrument, "mapping": "INSTRUMENT", "name": f"{stem}_9001.imap"}
    pmap = common | {"mapping": "PIPELINE", "name": context, "parkey": ("META.INSTRUMENT.NAME",)}
    (folder / f"{stem}_9001.imap").write_text(signed(imap | {"parkey": ("REFTYPE",)}, repr(files)))
    (folder / context).write_text(signed(pmap, repr({instrument: f"{stem}_9001.imap"})))
    for reftype, file in files.items():
        if file.endswith(".rmap"):
            (folder / file).write_text(types[reftype.lower()])
    config = root / "config" / "jwst"
    config.mkdir(parents=True, exist_ok=True)
    info = {"observatory": "jwst", "operational_context": context, "edit_context": context, "bad_files_list": []}
    info |= {"force_remote_mode": False, "last_synced": "2024-01-01 00:00:00", "crds_version": {"str": "11.17.22"}}
    (config / "server_config").write_text(repr(info))
    (config / "ref_cache_subdir_mode").write_text("instrument")
    return context


def after(name, *dates):
    rows = "".join(
        f"'{date}' : 'jwst_nircam_{name}_{i}.fits'," for i, date in enumerate(dates or ["2000-01-01 00:00:00"])
    )
    return f"UseAfter({{{rows}}})"


def corners():
    """Rules of every kind, by type."""
    made = {}

    def add(reftype, parkey, selector, **extra):
        made[reftype] = rmap(f"jwst_nircam_{reftype}_9001.rmap", parkey, selector, **extra)

    two = (("META.INSTRUMENT.DETECTOR", "META.INSTRUMENT.FILTER"), DATE)
    # The more particular row first; it gives way where its date is too late; equal rows are merged.
    add(
        "weights",
        two,
        f"""Match({{
            ('NRCA1', 'F070W|F115W') : {after("w1", "2022-01-01 00:00:00", "2023-01-01 00:00:00")},
            ('NRCA1', 'N/A') : {after("w2", "2021-01-01 00:00:00")},
            ('N/A', 'F070W') : {after("w3", "2021-06-01 00:00:00", "2022-06-01 00:00:00", "2023-01-01 00:00:00")},
            ('NRCA1|NRCA2', 'F090*') : {after("w4")},
            ('ANY', 'F200W') : {after("w5")},
            ('NRCB?|NRCBLONG', 'NOT F444W') : 'N/A',
            ('NRCB*', 'F444W') : 'OMIT',
        }})""",
    )
    # What no row mentions is refused, though the pattern would match it.
    add("pattern", (FILTER, DATE), f"Match({{'F1*' : {after('p1')}, 'F2[01]0W|F3?5W' : {after('p2')}}})")
    add("plain", (FILTER,), "Match({'F070W' : 'jwst_nircam_plain_1.fits', 'N/A' : 'N/A'})")
    add(
        "numbers",
        (("META.SUBARRAY.XSTART", "META.EXPOSURE.NOUTPUTS"), DATE),
        f"""Match({{
            ('between 1 5', 'N/A') : {after("n1")},
            ('#>=5 and <9#', '4') : {after("n2")},
            ('#<1 or >2000#', 4.0) : {after("n3")},
            ('NOT between 0 3000', '>3') : {after("n4")},
            (7, True) : {after("n5")},
        }})""",
    )
    add("inequal", (("META.SUBARRAY.XSTART",),), "Match({'>5' : 'jwst_nircam_inequal_1.fits', 'N/A' : 'N/A'})")
    add(
        "literals",
        (FILTER, DATE),
        f"Match({{'{{F*|A}}' : {after('l1')}, '(F[12]..W2?)' : {after('l2')}, 'F070W' : {after('l3')}}})",
    )
    add(
        "substituted",
        (("META.SUBARRAY.NAME", "META.INSTRUMENT.FILTER"), DATE),
        f"""Match({{
            ('GENERIC', 'F070W') : {after("s1")},
            ('FULL', 'BLUE') : {after("s2")},
            ('SUB64P', 'F356W') : {after("s3")},
        }})""",
        substitutions={"META.INSTRUMENT.FILTER": {"BLUE": ["F070W", "F090W"], "ODD": "ODD"}},
    )
    # A table of substitutions for a parameter replaces the usual one.
    add(
        "generic",
        (("META.SUBARRAY.NAME",), DATE),
        f"Match({{'GENERIC' : {after('g1')}, 'FULL' : {after('g2')}}})",
        substitutions={"META.SUBARRAY.NAME": {"NONE": "N/A"}},
    )
    condition = '(META.EXPOSURE.TYPE not in ("NRC_DARK", "NRC_FLAT") and not META.VISIT.TSOVISIT == "T")'
    add("relevant", (TYPE, DATE), f"Match({{'N/A' : {after('r1')}}})", rmap_relevance=condition)
    add("always", (TYPE, DATE), f"Match({{'NRC_IMAGE' : {after('r2')}}})", rmap_relevance="ALWAYS")
    add("lower", (TYPE,), "Match({'N/A' : 'jwst_nircam_lower_1.fits'})", rmap_omit="TRUE")
    add("unjudged", (TYPE,), "Match({'N/A' : 'jwst_nircam_u_1.fits'})", rmap_relevance="(LATER > 5)")
    add("left", (TYPE, DATE), f"Match({{'N/A' : {after('o1')}}})", rmap_omit='(META.EXPOSURE.TYPE == "NRC_DARK")')
    add(
        "parkeys",
        (("META.EXPOSURE.TYPE", "META.INSTRUMENT.FILTER", "META.INSTRUMENT.MODULE"), DATE),
        f"""Match({{
            ('NRC_IMAGE', 'F070W', 'A') : {after("k1")},
            ('NRC_DARK', 'N/A', 'A') : {after("k2")},
            ('NRC_FLAT', 'F115W', 'B') : {after("k3")},
        }})""",
        parkey_relevance={"meta.instrument.filter": 'META.EXPOSURE.TYPE != "NRC_DARK"'},
        comment_parkeys=("META.INSTRUMENT.MODULE",),
    )
    add("optional", (FILTER, DATE), f"Match({{'F070W' : {after('q1', '2022-01-01 00:00:00')}}})", reffile_required="NO")
    add(
        "unmerged",
        two,
        f"Match({{('NRCA1','N/A') : {after('m1')}, ('N/A','F070W') : {after('m2')}}})",
        merge_overlaps=False,
    )
    add("several", (two[0],), "Match({('NRCA1','N/A') : 'a.fits', ('N/A','F070W') : 'b.fits'})")
    add("mixed", two, f"Match({{('NRCA1','N/A') : {after('x1')}, ('N/A','F070W') : 'N/A'}})")
    add(
        "nested",
        (FILTER, TYPE, DATE),
        f"""Match({{
        'F070W' : Match({{'NRC_IMAGE' : {after("y1", "2022-01-01 00:00:00")}}}),
        'N/A' : Match({{'NRC_IMAGE|NRC_DARK' : {after("y2")}}}),
    }})""",
    )
    versions = (
        "{"
        + ",".join(f"'{v}':'jwst_nircam_v_{i}.fits'" for i, v in enumerate(["0.6", "1.9.0", "1.13.4", "1.2.0rc1", "2"]))
        + "}"
    )
    add("version", (("META.CALIBRATION_SOFTWARE_VERSION",),), f"VersionAfter({versions})")
    add("undated", ((), DATE), f"Match({{() : {after('d1', '2022-01-01 00:00:00.5', '2022-01-01 00:00:01')}}})")
    add("dated", (DATE,), after("d2", "2022-01-01 00:00:00", "2023-01-01 10:11:12"))
    made |= {"never": "N/A", "nowhere": "OMIT"}
    return made
