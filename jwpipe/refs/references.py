"""The references of an exposure: which the rules of a context say, and where they are."""

import logging
import os
import re
from dataclasses import dataclass, field

from jwpipe.errors import InputError, ReferenceError, UsageError, nearest
from jwpipe.refs import rules
from jwpipe.refs.cache import Cache, is_rules, sha1
from jwpipe.refs.client import OBSERVATORY, Server, ServerError
from jwpipe.refs.parkeys import KEYWORD_PATHS, UNDEFINED, parameters
from jwpipe.refs.rules import NOT_APPLICABLE, OMITTED
from jwpipe.refs.selectors import UnusableError

__all__ = ["ReferenceFinder", "Resolved", "best_references"]

log = logging.getLogger("jwpipe")

KEYWORDS = {path: keyword for keyword, path in KEYWORD_PATHS.items()}


@dataclass(frozen=True)
class Resolved:
    """The reference of one type for one exposure.

    Attributes
    ----------
    reftype : str
        Such as ``"dark"``.
    name : str or None
        File name; ``"N/A"`` where the type does not apply; None where no rule matches.
    reason : str or None
        Why there is none.
    omitted : bool
        Whether the rules leave the type out (its name is then ``"N/A"``).
    unusable : bool
        Whether there is none because the header lacks a keyword, or has it malformed.
    """

    reftype: str
    name: str | None
    reason: str | None = None
    omitted: bool = False
    unusable: bool = False
    finder: "ReferenceFinder | None" = field(default=None, repr=False, compare=False)

    @property
    def applicable(self):
        """Whether there is a file."""
        return self.name is not None and self.name != NOT_APPLICABLE

    @property
    def path(self):
        """Place of the file in the cache (pathlib.Path), fetched if need be; None where the type does not apply.

        Raises
        ------
        InputError
            If the header lacks what the rules go by.
        ReferenceError
            If no rule matches, the file is known to be bad, or it is not in the cache and cannot be fetched.
        """
        if self.unusable:
            raise InputError(f"the header does not say which {self.reftype} reference to take: {self.reason}")
        if self.name is None:
            raise ReferenceError(
                f"no {self.reftype} reference for this exposure: {self.reason}",
                f"give a file with --override {self.reftype}=FILE, or another --context",
            )
        return self.finder.locate(self.name) if self.applicable else None

    @property
    def uri(self):
        """What products record: ``crds://NAME``, or ``N/A``."""
        return f"crds://{self.name}" if self.applicable else NOT_APPLICABLE


class ReferenceFinder:
    """Finds references by the rules of one context, in a cache, from a server where need be.

    Rules files are read when first needed and kept. Nothing is asked of the network as long as the context is named
    outright and all files are in the cache.

    Parameters
    ----------
    context : str, optional
        Name of a context: ``jwst_1256.pmap``; ``jwst-operational``, ``jwst-edit``, ``latest``; or one by date,
        ``jwst-2024-06-01T00:00:00``. By default ``CRDS_CONTEXT``, else the operational one.
    crds_path : path-like, optional
        Folder of the cache; by default ``CRDS_PATH``.
    server : jwpipe.refs.client.Server or str, optional
        The server or its address; by default ``CRDS_SERVER_URL``.
    progress : callable, optional
        ``progress(name, done, total)`` is called as bytes of downloads come in.
    """

    def __init__(self, context=None, crds_path=None, server=None, progress=None):
        self.cache = Cache(crds_path)
        self.server = server if isinstance(server, Server) else Server(server)
        self.progress = progress
        self._wanted = context or os.environ.get("CRDS_CONTEXT") or f"{OBSERVATORY}-operational"
        self._context = None
        self._bad_files = None
        self._parsed = {}

    # ------------------------------------------------------------------------------------------ context

    @property
    def context(self):
        """Name of the context, such as ``jwst_1256.pmap``."""
        if self._context is None:
            self._context = self._resolved_context(self._wanted)
        return self._context

    def _resolved_context(self, wanted):
        if wanted.endswith(".pmap"):
            return wanted
        name = wanted.removeprefix(f"{OBSERVATORY}-")
        key = {
            "operational": "operational_context",
            "latest": "latest_context",
            "edit": "edit_context",
            "versions": "versions_context",
        }.get(name)
        if key is None:
            return self._context_by_date(wanted)
        setting = self._settings()
        context = setting(key) or (setting("operational_context") if key == "latest_context" else None)
        if not isinstance(context, str) or not context.endswith(".pmap"):
            raise ReferenceError(
                f"the context {wanted} is not known: no CRDS server answers, and {self.cache.config} does not say",
                "set CRDS_CONTEXT or --context to one of `jwpipe refs list`, such as jwst_1256.pmap",
            )
        return context

    def _context_by_date(self, wanted):
        from datetime import datetime

        date = wanted.removeprefix(f"{OBSERVATORY}-")
        try:
            datetime.fromisoformat(date)
        except ValueError:
            raise UsageError(
                f"{wanted!r} names no context",
                "contexts are jwst_NNNN.pmap, jwst-operational, jwst-edit, latest, or by date jwst-2024-06-01T00:00:00",
            ) from None
        try:
            context = self.server.context_by_date(f"{OBSERVATORY}-{date}")
        except ServerError as exc:
            raise ReferenceError(
                f"the context of {date} is not known: {exc.args[0]}", "name a context outright: jwst_NNNN.pmap"
            ) from None
        if not context.endswith(".pmap"):
            raise ReferenceError(f"the CRDS server has no context for {date}")
        return context

    def _settings(self):
        """Give the look-up of what the server says of itself: asked now, else as the cache keeps it."""
        if not self.server.offline:
            try:
                info = self.server.info(patient=False)
            except ServerError as exc:
                log.warning("%s; what the cache keeps is used", exc)
            else:
                self.cache.store_server_config(info)
                return info.get
        return self.cache.setting

    # ------------------------------------------------------------------------------------------ rules

    def types(self, instrument):
        """List the reference types of an instrument in this context.

        Parameters
        ----------
        instrument : str
            Such as ``"NIRCAM"``.

        Returns
        -------
        list of str
            In lower case, sorted.
        """
        return sorted(self._instrument_rules(instrument).files)

    def best(self, header, reftypes=None):
        """Choose the references of an exposure.

        Parameters
        ----------
        header : mapping
            FITS keywords and values, as in a science product's primary header.
        reftypes : iterable of str, optional
            The types wanted; by default all of the instrument. A type that the context does not have is ``"N/A"``
            for ``pars-`` types, and has no match otherwise.

        Returns
        -------
        dict of str to Resolved
            By type, in the order asked for.

        Raises
        ------
        InputError
            If the header does not say of which instrument it is.
        ReferenceError
            If rules are missing, damaged, or known to be bad.
        """
        values = parameters(header)
        instrument = values.get("META.INSTRUMENT.NAME", UNDEFINED)
        if instrument == UNDEFINED:
            raise InputError("the header has no INSTRUME", "references are chosen by instrument")
        files = self._instrument_rules(instrument).files
        wanted = sorted(files) if reftypes is None else [reftype.lower() for reftype in reftypes]
        return {reftype: self._resolved(reftype, files, values) for reftype in wanted}

    def _resolved(self, reftype, files, values):
        file = files.get(reftype, NOT_APPLICABLE if reftype.startswith("pars-") else None)
        if file is None:
            return Resolved(reftype, None, f"{self.context} has no such type", finder=self)
        try:
            name = file if file in (NOT_APPLICABLE, OMITTED) else self._rules(file).best(values)
        except LookupError as exc:
            reason = re.sub(r"META(\.\w+)+", lambda path: KEYWORDS.get(path[0], path[0]), str(exc))
            return Resolved(reftype, None, reason, unusable=isinstance(exc, UnusableError), finder=self)
        if name == OMITTED:
            return Resolved(reftype, NOT_APPLICABLE, "the rules omit this type", omitted=True, finder=self)
        return Resolved(reftype, name, finder=self)

    def rules_files(self, refresh=False):
        """List the rules files of this context, fetching those that lead to others.

        Parameters
        ----------
        refresh : bool
            Whether to fetch all of them, and anew those that are not what the server has.

        Returns
        -------
        list of str
            Names: the context, the instruments' files, the types' files.
        """
        if refresh:
            self.refresh(self.context)
        names = [self.context]
        for index in names:
            if index.endswith(".rmap"):
                break
            files = [file for file in self._rules(index).files.values() if file not in (NOT_APPLICABLE, OMITTED)]
            for file in files if refresh else ():
                self.refresh(file)
            names += files
        return names

    def _instrument_rules(self, instrument):
        files = self._rules(self.context).files
        file = files.get(instrument.lower())
        if file is None:
            raise InputError(
                f"INSTRUME is {instrument!r}, which {self.context} does not know", nearest(instrument, files)
            )
        if file in (NOT_APPLICABLE, OMITTED):
            raise ReferenceError(f"{self.context} has no rules for {instrument}")
        return self._rules(file)

    def _rules(self, name):
        if name not in self._parsed:
            text = self._rules_text(name)
            parse = rules.parse_reference_rules if name.endswith(".rmap") else rules.parse_index
            verify = os.environ.get("CRDS_IGNORE_MAPPING_CHECKSUM", "").upper() not in ("1", "T", "TRUE", "Y", "YES")
            self._parsed[name] = parse(text, name, verify)
        return self._parsed[name]

    def _rules_text(self, name):
        path = self.locate(name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ReferenceError(f"the rules {path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from None

    # ------------------------------------------------------------------------------------------ files

    @property
    def fetch_advice(self):
        """What to do where files are not in the cache: the command that gets them."""
        return f"get it where there is network: jwpipe refs fetch FILE... --context {self.context}"

    def locate(self, name):
        """Find a rules or reference file, fetching it if it is not in the cache.

        Parameters
        ----------
        name : str
            File name.

        Returns
        -------
        pathlib.Path
            Its place in the cache.

        Raises
        ------
        ReferenceError
            If it is known to be bad, or cannot be had; the advice is the command that fetches it.
        """
        self._refuse_bad(name)
        path = self.cache.path(name)
        if path.exists():
            return path
        kind = "rules" if is_rules(name) else "reference"
        advice = f"get it where there is network: jwpipe refs fetch {name}"
        if self.server.offline:
            raise ReferenceError(f"the {kind} {name} is not in the cache {self.cache.root}", advice)
        try:
            fetched = self.cache.fetch(name, self.server, self.progress)
        except ServerError as exc:
            raise ReferenceError(
                f"the {kind} {name} is not in the cache {self.cache.root} and cannot be fetched: {exc.args[0]}", advice
            ) from None
        self.cache.store_server_config(self.server.info())
        return fetched

    def refresh(self, name):
        """Make sure that a file is in the cache, and is what the server has.

        Parameters
        ----------
        name : str
            Name of a rules or reference file.

        Returns
        -------
        pathlib.Path
            Its place in the cache.

        Raises
        ------
        ReferenceError
            If the server cannot be asked or does not know the file.
        """
        path = self.cache.path(name)
        if path.exists() and not self.cache.readonly:
            size, checksum = self.server.file_info(name)
            if path.stat().st_size != size or checksum not in ("none", sha1(path)):
                path.unlink()
        return self.locate(name)

    def _refuse_bad(self, name):
        """Refuse files that the server has marked as scientifically invalid, as the CRDS client does."""
        if self._bad_files is None:
            self._bad_files = frozenset(map(str, self.cache.setting("bad_files_list") or ()))
        if name in self._bad_files:
            variable = "CRDS_ALLOW_BAD_RULES" if is_rules(name) else "CRDS_ALLOW_BAD_REFERENCES"
            if os.environ.get(variable, "").upper() not in ("1", "T", "TRUE", "Y", "YES"):
                raise ReferenceError(
                    f"{name} is marked as scientifically invalid", f"use another context, or set {variable}=1"
                )


def best_references(context, header, reftypes=None, crds_path=None):
    """Choose the references of an exposure by the rules of a context.

    Parameters
    ----------
    context : str
        Name of the context, see `ReferenceFinder`.
    header : mapping
        FITS keywords and values.
    reftypes : iterable of str, optional
        The types wanted; by default all of the instrument.
    crds_path : path-like, optional
        Folder of the cache.

    Returns
    -------
    dict of str to (str or None)
        File name, ``"N/A"``, or None where no rule matches, by type; types that the rules omit are left out.
    """
    best = ReferenceFinder(context, crds_path).best(header, reftypes)
    return {reftype: found.name for reftype, found in best.items() if not found.omitted}
