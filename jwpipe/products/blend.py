"""Keywords of a product that is made of several exposures: blended ones in its header, all of them in a table.

Source: the keyword dictionary of the JWST data products (build 10.2), which says of each keyword how it is blended.
Most are those of the first exposure.
"""

import datetime
import statistics

import numpy as np

from jwpipe.products.fitsfile import STRUCTURAL, RawBlock
from jwpipe.products.keywords import COMMENTS, SCIENCE
from jwpipe.products.modes import MULTIPLE

__all__ = ["COLUMNS", "RULES", "blend", "forget", "header_table"]

# Keywords that have a column in the table, in its order.
COLUMNS = """
DATE ORIGIN TIMESYS FILENAME SDP_VER PRD_VER OSS_VER GSC_VER CAL_VER CAL_VCS DATAMODL TELESCOP HGA_MOVE HGA_STRT
HGA_STOP PWFSEET NWFSEST ASNPOOL ASNTABLE TITLE PI_NAME CATEGORY SUBCAT SCICAT CONT_ID DATE-OBS TIME-OBS DATE-BEG
DATE-END OBS_ID VISIT_ID PROGRAM OBSERVTN VISIT VISITGRP SEQ_ID ACT_ID EXPOSURE BKGDTARG TEMPLATE OBSLABEL
ENG_QUAL ENGQLPTG VISITYPE VSTSTART VISITSTA NEXPOSUR INTARGET TARGOOPP TSOVISIT EXP_ONLY TARGPROP TARGNAME
TARGTYPE TARG_RA TARG_DEC TARGURA TARGUDEC MU_RA MU_DEC MU_EPOCH PROP_RA PROP_DEC SRCTYAPT INSTRUME DETECTOR
MODULE CHANNEL FILTER PUPIL PILIN GRATING BAND FXD_SLIT FOCUSPOS PREIMAGE CCCSTATE CORONMSK MSASTATE MSAMETFL
MSAMETID MSACONID LAMP OPMODE GWA_XTIL GWA_YTIL GWA_XP_V GWA_YP_V GWA_PXAV GWA_PYAV GWA_TILT FWCPOS PWCPOS
EXPCOUNT EXPRIPAR EXP_TYPE EXPSTART MJD-BEG EXPMID MJD-AVG EXPEND MJD-END TDB-BEG TDB-MID TDB-END READPATT
EXSEGNUM EXSEGTOT NOUTPUTS NINTS INTSTART INTEND NGROUPS NFRAMES MIRNGRPS MIRNFRMS FRMDIVSR GROUPGAP DRPFRMS1
DRPFRMS3 NSAMPLES TSAMPLE TFRAME TGROUP EFFINTTM EFFEXPTM XPOSURE TMEASURE DURATION TELAPSE NRSTSTRT NRESETS
ZEROFRAM DATAPROB SCA_NUM DATAMODE NRS_NORM NRS_REF SCTARATE GAINFACT IS_IMPRT IS_PSF SELFREF SUBARRAY SUBSTRT1
SUBSTRT2 SUBSIZE1 SUBSIZE2 FASTAXIS SLOWAXIS DETXCOR DETYCOR DETXSIZ DETYSIZ PATTTYPE PRIDTYPE PRIDTPTS PATT_NUM
PATTSTRT NUMDTHPT PATTNPTS NRIMDTPT NOD_TYPE PATTSIZE SMGRDPAT SUBPXPTS SUBPXPAT SPEC_NUM SPECNSTP SPECSTEP
SPCOFFST SPAT_NUM SPATNSTP SPATSTEP SPTOFFST XOFFSET YOFFSET REFFRAME EPH_TYPE EPH_TIME JWST_X JWST_Y JWST_Z
OBSGEO-X OBSGEO-Y OBSGEO-Z JWST_DX JWST_DY JWST_DZ OBSGEODX OBSGEODY OBSGEODZ APERNAME PPS_APER PA_APER VA_RA
VA_DEC VA_SCALE BARTDELT BSTRTIME BENDTIME BMIDTIME HELIDELT HSTRTIME HENDTIME HMIDTIME FAM_LA1 FASTEP1 FAUNIT1
FAPHASE1 FA1VALUE FAM_LA2 FASTEP2 FAUNIT2 FAPHASE2 FA2VALUE FAM_LA3 FASTEP3 FAUNIT3 FAPHASE3 FA3VALUE RMA_POS
FCSRLPOS GS_ORDER GSSTRTTM GSENDTIM GDSTARID GS_RA GS_DEC GS_URA GS_UDEC GS_MAG GS_UMAG GS_V3_PA PCS_MODE VISITEND
GSACSTAT GSCENTX GSCENTY GS_EPOCH GS_MURA GS_MUDEC GS_PARA CRDS_VER CRDS_CTX R_AREA R_MSAOPE R_BARSHA R_CAMERA
R_COLLIM R_CUBPAR R_DARK R_DISPER R_DISTOR R_DRZPAR R_MIREMI R_EXTR1D R_FILOFF R_FLAT R_DFLAT R_FFLAT R_SFLAT
R_FORE R_FPA R_FRINGE R_FRIFRQ R_GAIN R_IFUFOR R_IFUPOS R_IFUSLI R_IPC R_LASTFR R_LINEAR R_MASK R_MSA R_MRSXAR
R_MRSPT R_NRM R_OTE R_PTHLOS R_PERSAT R_PHOTOM R_PSFMAS R_READNO R_REFPIX R_REGION R_RESAMP R_RESOL R_RESET R_RSCD
R_SATURA R_SPKERN R_SPPROF R_SPTRAC R_SPCWCS R_STRAY R_SUPERB R_THRPUT R_TRPDEN R_TRPPAR R_TSPHOT R_V2V3 R_WAVCOR
R_WAVRAN R_WAVMAP S_PSFALI S_AMIANA S_AMIAVG S_AMINOR S_WCS S_MTWCS S_BKDSUB S_BARSHA S_CHGMIG S_COMB1D S_IFUCUB
S_DARK S_DQINIT S_MIREMI S_TELEMI S_ERRINI S_EXTR1D S_EXTR2D S_FRSTFR S_FLAT S_FRINGE S_GANSCL S_GRPSCL S_GUICDS
S_IMPRNT S_IPC S_JUMP S_KLIP S_LASTFR S_LINEAR S_MSBSUB S_MRSMAT S_MSAFLG S_OUTLIR S_PTHLOS S_PERSIS S_PHOTOM
S_PXREPL S_RAMP S_REFPIX S_RESAMP S_RESFRI S_RESET S_RSCD S_SATURA S_SKYMAT S_SRCCAT S_SPLEAK S_SRCTYP S_PSFSTK
S_STRAY S_SUPERB S_TSPHOT S_TWKREG S_WAVCOR S_WFSCOM S_WHTLIT BKGMETH BKGLEVEL BKGSUB BUNIT PHOTMJSR PHOTUJA2
PIXAR_SR PIXAR_A2 RADESYS RA_V1 DEC_V1 PA_V3 WCSAXES CRPIX1 CRPIX2 CRPIX3 CRVAL1 CRVAL2 CRVAL3 CTYPE1 CTYPE2
CTYPE3 CUNIT1 CUNIT2 CUNIT3 CDELT1 CDELT2 CDELT3 PC1_1 PC1_2 PC1_3 PC2_1 PC2_2 PC2_3 PC3_1 PC3_2 PC3_3 CD1_1 CD1_2
CD2_1 CD2_2 S_REGION WAVSTART WAVEND DISPAXIS SPORDER V2_REF V3_REF VPARITY V3I_YANG RA_REF DEC_REF ROLL_REF
""".split()

# Those of the dictionary that images may have besides.
WITHOUT_COLUMN = """
CMD_TSEL COMPRESS CROWDFLD DATAEND DATASTRT DETMODE DIRIMAGE DITHDIRC DITHOPFR DITHPNTS DITH_DEC DITH_RA DSETSTRT
EXPSTENG FPE_SIDE GF_END GF_START ICE_SIDE MASTERBG MRSPRCHN NDRIZ NUMDSETS OBSFOLDR OSF_FILE OVERSAMP PIXFRAC PXSCLRT
RESWHT SCATFILE SEGMFILE SOSSDLTX SOSSDLTY SOSSROTN SOSSWDTH S_NSCLEN TARGCAT TARGDESC TCATFILE THRESHLD TIKFACTR
TIMEUNIT
""".split()


def _same(values):
    return values[0] if len(set(values)) == 1 else MULTIPLE


def _first_time(values):
    return min(map(datetime.time.fromisoformat, values)).isoformat()


def _moment(choose):
    def blended(values):
        return choose(map(datetime.datetime.fromisoformat, values)).isoformat(timespec="milliseconds")

    return blended


# How keywords are blended that differ from one exposure to the next and are not those of the first.
RULES = {
    keyword: rule
    for rule, keywords in {
        _same: "DETECTOR MODULE FILTER GRATING BAND",
        min: "DATE-OBS EXPSTART MJD-BEG TDB-BEG INTSTART",
        max: "EXPEND MJD-END TDB-END INTEND",
        statistics.fmean: "EXPMID MJD-AVG TDB-MID",
        sum: "EFFEXPTM XPOSURE TMEASURE DURATION TELAPSE",
        _first_time: "TIME-OBS",
        _moment(min): "DATE-BEG",
        _moment(max): "DATE-END",
    }.items()
    for keyword in keywords.split()
}


def blend(product, exposures):
    """Blend the keywords of exposures into the header of a product that has the first one's.

    Parameters
    ----------
    product : Product
        Changed in place; keywords that the first exposure lacks stay away.
    exposures : sequence of Product
        Where the keywords come from. Those that lack a keyword have no say in it, nor has a value that is none.
    """
    for keyword, rule in RULES.items():
        values = [value for exposure in exposures if (value := exposure.get(keyword)) is not None]
        if keyword not in exposures[0]:
            continue
        try:
            product[keyword] = rule(values)
        except (TypeError, ValueError):  # such as a date that is no date
            product[keyword] = values[0]


def forget(headers):
    """Remove keywords that the dictionary does not have: of several exposures nobody knows what they would be.

    Parameters
    ----------
    headers : dict of str to astropy.io.fits.Header
        Changed in place; HISTORY and what says how a file is laid out stays.
    """
    known = {*COLUMNS, *WITHOUT_COLUMN, *SCIENCE, *COMMENTS, *STRUCTURAL, "COMMENT", "HISTORY", ""}
    for header in headers.values():
        for keyword in {keyword for keyword in header if keyword not in known and not keyword.startswith("NAXIS")}:
            header.remove(keyword, remove_all=True)


def header_table(exposures):
    """Tabulate the keywords of exposures.

    Parameters
    ----------
    exposures : sequence of Product
        The exposures.

    Returns
    -------
    RawBlock
        The extension HDRTAB: a column a keyword, a row an exposure. What is missing is NaN, or ``nan`` among texts.
    """
    columns = {}
    for keyword in COLUMNS:
        values = [exposure.get(keyword) for exposure in exposures]
        column = np.array([np.nan if value is None else value for value in values])
        if column.dtype.kind == "U":
            column = column.astype(f"S{max(1, *(len(str(value)) for value in column))}")
        columns[keyword] = column
    rows = np.empty(len(exposures), [(keyword, column.dtype) for keyword, column in columns.items()])
    for keyword, column in columns.items():
        rows[keyword] = column
    return RawBlock.from_array("HDRTAB", rows)
