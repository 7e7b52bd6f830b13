"""Tables of radiographs as they come from spreadsheets, data frames and hospitals, one input a test."""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cohort_files import Listener, Load, refused, write_png

from synthgen.payloads.cxr import CxrCondition

TABLES = "images: tables"
HEADER = "file_name,patient_id,labels,view,sex,age"
ROWS = (
    "images/0.png,p0,Effusion,PA,F,60",
    "images/1.png,p1,Edema,AP,M,45",
    "images/2.png,p2,No Finding,PA,F,33",
    "images/3.png,p3,Effusion|Edema,,,",
)
READ = {
    "p0": CxrCondition(("Effusion",), "PA", "F", 60),
    "p1": CxrCondition(("Edema",), "AP", "M", 45),
    "p2": CxrCondition((), "PA", "F", 33),
    "p3": CxrCondition(("Edema", "Effusion")),
}


def pictures(data: Path, count: int = 4, pattern: str = "images/{}.png") -> None:
    for at in range(count):
        write_png(data / pattern.format(at), at)


def table(data: Path, header: str = HEADER, rows: Sequence[str] = ROWS, name: str = "metadata.csv") -> None:
    data.mkdir(parents=True, exist_ok=True)
    (data / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def conditions(load: Load, data: Path, **settings: object) -> dict[str, CxrCondition]:
    return {real.patient: real.condition for real in load(data, **settings).records}


TEXT = "\n".join([HEADER, *ROWS]) + "\n"


@pytest.mark.field(TABLES, "read")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.replace(",", ";"), id="semicolons"),
        pytest.param(TEXT.replace(",", "\t"), id="tabs"),
        pytest.param(TEXT.replace("Effusion|Edema", '"Effusion|Edema"').replace(",", "|"), id="bars"),
        pytest.param("sep=;\n" + TEXT.replace(",", ";"), id="the line by which Excel is told the separator"),
        pytest.param("sep=\t\n" + TEXT.replace(",", "\t"), id="the same of a tab"),
        pytest.param('"sep=;"\n' + TEXT.replace(",", ";"), id="the same in quotes"),
        pytest.param(TEXT.replace("p1", '="p1"').replace("images/2.png", '="images/2.png"'), id="formulas about text"),
        pytest.param(TEXT.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(TEXT.encode("utf-16"), id="UTF-16 with mark"),
        pytest.param(TEXT.encode("utf-16-le"), id="UTF-16 little endian without mark"),
        pytest.param(TEXT.encode("utf-16-be"), id="UTF-16 big endian without mark"),
        pytest.param(TEXT.encode("utf-32"), id="UTF-32"),
        pytest.param(gzip.compress(TEXT.encode()), id="gzipped under the plain name"),
        pytest.param(TEXT.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(TEXT.replace("\n", "\r"), id="line ends of old Macs"),
        pytest.param("\n\n" + TEXT + "\n\n", id="blank lines before and behind"),
        pytest.param("# exported on a Monday\n# by hand\n" + TEXT, id="comments before the header"),
        pytest.param(TEXT + "# end of file\n", id="a comment behind the rows"),
        pytest.param(TEXT + ",,,,,\n,,,,,\n", id="rows of separators alone, as Excel leaves them"),
        pytest.param("\n".join(line + "," for line in TEXT.splitlines()), id="a separator behind every row"),
        pytest.param(TEXT.replace(",", ", "), id="a space behind every separator"),
        pytest.param("\n".join('"' + line.replace(",", '","') + '"' for line in TEXT.splitlines()), id="all in quotes"),
        pytest.param("\n".join(f'"{line}"' for line in TEXT.splitlines()), id="every line in quotes"),
        pytest.param("\r\n".join(f'"{line}";;' for line in TEXT.splitlines()), id="the same with separators behind"),
        pytest.param(
            "\n".join('"' + line.replace("Effusion|Edema", '""Effusion, Edema""') + '"' for line in TEXT.splitlines()),
            id="the same with quotes within",
        ),
        pytest.param(
            "\ufeff" + "\n".join(f'"{line}"' for line in TEXT.replace(",", ";").splitlines()), id="of semicolons"
        ),
        pytest.param(TEXT.replace(HEADER, "File_Name, Patient_ID ,LABELS,View,SEX,Age"), id="capitals and spaces"),
        pytest.param(TEXT.replace(HEADER, "fileName,patientId,labels,view,sex,age"), id="camel case"),
        pytest.param(TEXT.replace(HEADER, "File Name,PatientID,Labels,View,Sex,Age"), id="words in the header"),
        pytest.param(TEXT.replace(HEADER, "filename,Patient-ID,labels,view,sex,age"), id="hyphens in the header"),
        pytest.param(TEXT.replace(",", ";").replace(";60", ";60,0"), id="ages with decimal commas"),
        pytest.param("\n".join(f"{n}," * 2 + line for n, line in enumerate(TEXT.splitlines())), id="index columns"),
        pytest.param(
            TEXT.replace("age\n", "age,note\n").replace("60\n", '60,"two\nlines, here"\n').replace("45\n", "45,x\n")
            .replace("33\n", "33,y\n").replace(",,,\n", ",,,,\n"), id="a quoted note with a line end",
        ),
        pytest.param(
            TEXT.replace("age\n", "age,x,x\n").replace("60\n", "60,1,1\n").replace("45\n", "45,1,1\n")
            .replace("33\n", "33,1,1\n").replace(",,,\n", ",,,,1,1\n"), id="two columns of one name that are not read",
        ),
    ],
)  # fmt: skip
def test_a_table_is_read_however_it_is_written(tmp_path: Path, load: Load, content: str | bytes) -> None:
    pictures(tmp_path)
    written = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "metadata.csv").write_bytes(written)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "read")
@pytest.mark.parametrize(
    "header",
    [
        pytest.param("image,patient,finding,view position,gender,patient age", id="English"),
        pytest.param("Image Index,Subject ID,Findings,ViewPosition,PatientSex,Age (years)", id="of public sets"),
        pytest.param("Dateiname,Patienten-ID,Befund,Projektion,Geschlecht,Alter", id="German"),
        pytest.param("archivo,ID Paciente,hallazgos,proyección,sexo,edad", id="Spanish"),
        pytest.param("fichier,id_patient,diagnostic,incidence,sexe,âge", id="French"),
        pytest.param("path,mrn,diagnosis,projection,Sex,Age", id="of a hospital"),
    ],
)
def test_columns_under_other_names_are_read_and_told(
    tmp_path: Path, load: Load, listener: Listener, header: str
) -> None:
    pictures(tmp_path)
    table(tmp_path, header)
    assert conditions(load, tmp_path) == READ
    assert any("is read as patient_id" in line for line in listener.lines)


@pytest.mark.field(TABLES, "read")
def test_a_table_in_windows_1252_is_read_and_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    pictures(tmp_path)
    text = TEXT.replace("Edema,AP,M", "Lungenödem,AP,männlich")
    (tmp_path / "metadata.csv").write_bytes(text.encode("cp1252"))
    assert conditions(load, tmp_path)["p1"] == CxrCondition(("Edema",), "AP", "M", 45)
    assert any("Windows-1252" in line for line in listener.lines)


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize(
    ("finding", "encoding"),
    [("Lungenödem", "cp850"), ("Ödem", "mac_roman"), ("Плеврит", "cp1251"), ("胸水", "shift_jis"), ("胸腔积液", "gbk"),
     ("πνευμονία", "iso8859_7")],
)  # fmt: skip
def test_an_encoding_that_nobody_knows_is_no_guess(tmp_path: Path, load: Load, finding: str, encoding: str) -> None:
    pictures(tmp_path)
    text = TEXT.replace("Edema,AP", f"{finding},AP")
    (tmp_path / "metadata.csv").write_bytes(text.encode(encoding))
    refused(load, tmp_path, "its encoding is not known: save it as CSV in UTF-8")
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8")
    assert len(load(tmp_path).records) == 4


@pytest.mark.field(TABLES, "read")
@pytest.mark.parametrize(
    "finding", ["Pleuraverdickung größer", "Engrosamiento en ápex", "Épanchement d’allure", "½ Ñandú"]
)
def test_western_letters_in_windows_1252(tmp_path: Path, load: Load, finding: str) -> None:
    pictures(tmp_path)
    (tmp_path / "metadata.csv").write_bytes(TEXT.replace("Edema,AP", f"{finding},AP").encode("cp1252"))
    assert conditions(load, tmp_path)["p1"].findings == (finding,)


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("file_name,labels,view,sex,age", "missing column: patient_id", id="no patients"),
        pytest.param("file_name,patient_id,view,sex,age", "missing column: labels", id="no labels"),
        pytest.param("images/9.png,p9,Mass,PA,F", "missing column: file_name, patient_id", id="no header"),
        pytest.param(HEADER.replace(",", ":"), "missing column", id="colons"),
        pytest.param(HEADER.replace(",", "  "), "missing column", id="spaces"),
    ],
)
def test_columns_that_are_missing_are_named(tmp_path: Path, load: Load, header: str, said: str) -> None:
    pictures(tmp_path)
    table(tmp_path, header)
    refused(load, tmp_path, said, "it has the ", layout="plain")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize(
    "again", [ROWS[0], ROWS[0].replace("Effusion", "Edema"), ROWS[0].replace("images/0", "IMAGES/0")]
)
def test_an_image_that_is_named_twice(tmp_path: Path, load: Load, again: str) -> None:
    pictures(tmp_path)
    table(tmp_path, rows=[*ROWS, again])
    refused(load, tmp_path, "0.png is named twice", "row 2", "row 6", "keep one of the two")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("file_name,patient_id,labels,labels,sex,age", "more than once", id="labels twice"),
        pytest.param("file_name,Patient ID,PatientID,labels,sex,age", "Patient ID, PatientID", id="two spellings"),
        pytest.param("file,image,patient_id,labels,sex,age", "file, image", id="two that could be the file"),
    ],
)
def test_two_columns_that_could_be_one_are_refused_and_one_goes(
    tmp_path: Path, load: Load, header: str, said: str
) -> None:
    pictures(tmp_path)
    rows = [row.replace(",PA,", ",Edema,").replace(",AP,", ",Edema,") for row in ROWS]
    table(tmp_path, header, rows)
    refused(load, tmp_path, said, "keep one of them")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"], ids=["xlsx", "xls"])
def test_a_workbook_that_is_called_csv(tmp_path: Path, load: Load, start: bytes) -> None:
    pictures(tmp_path)
    (tmp_path / "metadata.csv").write_bytes(start + bytes(range(256)) * 8)
    refused(load, tmp_path, "workbook", "save it as CSV (UTF-8) under the same name")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        pytest.param("metadata.xlsx", "save it as metadata.csv (CSV, UTF-8)", id="xlsx"),
        pytest.param("Patienten.ods", "save it as metadata.csv (CSV, UTF-8)", id="ods"),
        pytest.param("train.parquet", "write metadata.csv into this folder", id="parquet"),
        pytest.param("labels.csv", "labels.csv looks like the table of the images: name it metadata.csv", id="csv"),
        pytest.param("data.tsv", "data.tsv looks like the table of the images: name it metadata.csv", id="tsv"),
        pytest.param("list.txt", "list.txt looks like the table of the images: name it metadata.csv", id="txt"),
    ],
)
def test_a_table_of_another_name_or_kind(tmp_path: Path, load: Load, name: str, advice: str) -> None:
    pictures(tmp_path)
    table(tmp_path, name=name)
    refused(load, tmp_path, "no known layout", advice)
    (tmp_path / name).rename(tmp_path / "metadata.csv")
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "read")
@pytest.mark.parametrize("name", ["Metadata.csv", "METADATA.CSV"])
def test_capitals_in_the_tables_name(tmp_path: Path, load: Load, name: str) -> None:
    pictures(tmp_path)
    table(tmp_path, name=name)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
def test_pictures_without_a_table(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path)
    refused(load, tmp_path, "write metadata.csv into this folder", "file_name, patient_id, labels")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field(TABLES, "refused")
@pytest.mark.parametrize("text", [TEXT[:-30] + '"unclosed\n', TEXT.replace("p1,", 'p1,"')], ids=["last", "middle"])
def test_a_double_quote_that_is_not_closed(tmp_path: Path, load: Load, text: str) -> None:
    pictures(tmp_path)
    (tmp_path / "metadata.csv").write_text(text)
    refused(load, tmp_path, "metadata.csv", "double quote")
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


# Labels


@pytest.mark.field("images: labels", "read")
@pytest.mark.parametrize(
    ("cell", "found"),
    [
        pytest.param("Effusion;Edema", ("Edema", "Effusion"), id="semicolon"),
        pytest.param('"Effusion, Edema"', ("Edema", "Effusion"), id="comma"),
        pytest.param('"Effusion\nEdema"', ("Edema", "Effusion"), id="line end"),
        pytest.param("Effusion | Edema", ("Edema", "Effusion"), id="spaces about the bar"),
        pytest.param("\"['Effusion', 'Edema']\"", ("Edema", "Effusion"), id="Python list"),
        pytest.param("\"['Effusion' 'Edema']\"", ("Edema", "Effusion"), id="numpy array without commas"),
        pytest.param('"[""Effusion"", ""Edema""]"', ("Edema", "Effusion"), id="JSON list"),
        pytest.param("\"('Effusion', 'Edema')\"", ("Edema", "Effusion"), id="tuple"),
        pytest.param("\"{'Effusion', 'Edema'}\"", ("Edema", "Effusion"), id="set"),
        pytest.param('"[Effusion, Edema]"', ("Edema", "Effusion"), id="brackets without quotes"),
        pytest.param("\"['Effusion']\"", ("Effusion",), id="list of one"),
        pytest.param("Effusion + Edema", ("Edema", "Effusion"), id="plus"),
        pytest.param("Effusion/Edema", ("Edema", "Effusion"), id="slash"),
        pytest.param("effusion and edema", ("Edema", "Effusion"), id="and"),
        pytest.param("Erguss und Ödem|Edema", ("Edema", "Erguss und Ödem"), id="and between words that are not known"),
        pytest.param("\"{'Effusion': 1, 'Edema': 1, 'Mass': 0}\"", ("Edema", "Effusion"), id="dictionary of marks"),
        pytest.param("effusion", ("Effusion",), id="lower case"),
        pytest.param("EFFUSION", ("Effusion",), id="capitals"),
        pytest.param("pleural effusion", ("pleural effusion",), id="a synonym alone keeps its name"),
        pytest.param("pulmonary_edema|Edema", ("Edema",), id="synonyms become one"),
        pytest.param("Pleuraerguss|Effusion", ("Effusion",), id="German"),
        pytest.param("derrame pleural|Effusion", ("Effusion",), id="Spanish"),
        pytest.param("épanchement pleural|Effusion", ("Effusion",), id="French with accents"),
        pytest.param("Pleural Thickening|Pleural_Thickening", ("Pleural_Thickening",), id="underscore"),
        pytest.param("No finding", (), id="No finding"),
        pytest.param("no_finding", (), id="no_finding"),
        pytest.param("NO FINDING", (), id="NO FINDING"),
        pytest.param("Normal", (), id="Normal"),
        pytest.param("healthy", (), id="healthy"),
        pytest.param("o.B.", (), id="ohne Befund"),
        pytest.param('"Opacity, left|Edema"', ("Edema", "Opacity, left"), id="a comma within a label beside a bar"),
        pytest.param("Silicosis", ("Silicosis",), id="an unknown finding stays as it is"),
        pytest.param("Edema|Mass?", ("Edema",), id="a doubted finding is away"),
        pytest.param("Edema|possible Mass", ("Edema",), id="a possible finding is away"),
        pytest.param("Edema|V.a. Pneumonie", ("Edema",), id="a suspected finding in German is away"),
        pytest.param("Edema|Mass possible", ("Edema",), id="doubt behind a finding"),
        pytest.param("Edema|Mass (possible)", ("Edema",), id="doubt in brackets behind a finding"),
        pytest.param("Edema|?Mass", ("Edema",), id="a question mark before a finding"),
        pytest.param("Edema|Mass??", ("Edema",), id="two question marks"),
        pytest.param("Edema|", ("Edema",), id="a separator behind the last label"),
        pytest.param(";Edema", ("Edema",), id="a separator before the first label"),
        pytest.param('"Effusion,Edema,"', ("Edema", "Effusion"), id="a comma behind the last label"),
        pytest.param("Effusion=1;Edema=0", ("Effusion",), id="marks behind signs of equality"),
        pytest.param("Effusion:1|Edema:0", ("Effusion",), id="marks behind colons"),
        pytest.param("Effusion: yes|Edema: no", ("Effusion",), id="words for marks"),
        pytest.param("Effusion (present)", ("Effusion",), id="a mark in brackets"),
        pytest.param('"{""Edema"": true, ""Mass"": false}"', ("Edema",), id="dictionary of JSON"),
        pytest.param("\"array(['Effusion', 'Edema'], dtype=object)\"", ("Edema", "Effusion"), id="array of numpy's"),
        pytest.param("Effusion<br>Edema", ("Edema", "Effusion"), id="line end of a web page"),
        pytest.param("Effusion &amp; Edema", ("Edema", "Effusion"), id="sign of a web page"),
        pytest.param("Effusion - Edema", ("Edema", "Effusion"), id="dash between findings"),
        pytest.param("Effusion  Edema", ("Edema", "Effusion"), id="two spaces between findings"),
        pytest.param(r"Effusion\nEdema", ("Edema", "Effusion"), id="line end written out"),
        pytest.param("Effusion // Edema", ("Edema", "Effusion"), id="two slashes"),
        pytest.param("Effusion；Edema", ("Edema", "Effusion"), id="full-width semicolon"),
        pytest.param("Effusion、Edema", ("Edema", "Effusion"), id="Chinese comma"),
        pytest.param("WNL", (), id="within normal limits"),
        pytest.param("Station 19", ("Station 19",), id="a number that belongs to the name"),
    ],
)
def test_labels(tmp_path: Path, load: Load, cell: str, found: tuple[str, ...]) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, "file_name,patient_id,labels", [f"images/0.png,p0,{cell}"])
    (condition,) = conditions(load, tmp_path).values()
    assert tuple(label.lower() for label in condition.findings) == tuple(label.lower() for label in found)
    if found and found[0][0].isupper():
        assert condition.findings == found


@pytest.mark.field("images: labels", "read")
@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (("Effusion", "effusion", "EFFUSION", "Effusion "), "Effusion"),
        (("effusion", "Pleural Effusion", "EFFUSION", "pleural_effusion"), "Effusion"),
        (("silicosis", "Silicosis", "Silicosis", "SILICOSIS"), "Silicosis"),
        (("Pleural Effusion", "pleural effusion", "PLEURAL EFFUSION", "Pleural-Effusion"), "pleural effusion"),
        (("TB", "Tuberculosis", "tuberculosis", "tb"), "Tuberculosis"),
    ],
)
def test_spellings_of_one_finding_are_one_and_told(
    tmp_path: Path, load: Load, listener: Listener, cells: tuple[str, ...], name: str
) -> None:
    pictures(tmp_path)
    table(tmp_path, "file_name,patient_id,labels", [f"images/{at}.png,p{at},{cell}" for at, cell in enumerate(cells)])
    assert set(conditions(load, tmp_path).values()) == {CxrCondition((name,))}
    assert any("are read as the one finding" in line for line in listener.lines)


@pytest.mark.field("images: labels", "read")
def test_chosen_findings_are_found_under_their_synonyms(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path)
    table(tmp_path)
    assert conditions(load, tmp_path, findings=("pleural effusion",))["p0"].findings == ("Effusion",)


@pytest.mark.field("images: labels", "refused")
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        pytest.param("", "a label is empty", id="blank"),
        pytest.param("NaN", "a label is empty", id="NaN"),
        pytest.param("no effusion", "says that something is absent", id="denial"),
        pytest.param("kein Erguss", "says that something is absent", id="German denial"),
        pytest.param("1", "is a number", id="a class number"),
        pytest.param("True", "is a number or a mark", id="a mark"),
        pytest.param("positive", "is a number or a mark", id="positive for what"),
        pytest.param("negative", 'use "No Finding"', id="negative for what"),
        pytest.param("No Finding|Edema", "stands beside", id="normal beside a finding"),
        pytest.param("Effusion negative", "says that something is absent", id="denial behind a finding"),
        pytest.param(
            "Pneumothorax ausgeschlossen", "says that something is absent", id="German denial behind a finding"
        ),
        pytest.param("Effusion-", "says that something is absent", id="minus behind a finding"),
        pytest.param("Effusion (-)", "says that something is absent", id="minus in brackets"),
        pytest.param("Effusion (resolved)", "says that something is absent", id="what has been"),
        pytest.param("Effusion: 0.93", "is a number or a mark", id="a probability"),
        pytest.param("Effusion (0.93)", "is a number or a mark", id="a probability in brackets"),
        pytest.param("Effusion 0", "is a number or a mark", id="a mark behind a finding"),
        pytest.param("{'Edema': 0.93, 'Mass': 0.02}", "is a number or a mark", id="dictionary of probabilities"),
        pytest.param("[0. 1. 0.]", "is a number or a mark", id="marks without names"),
        pytest.param("0 1 0 1", "is a number or a mark", id="marks without names or brackets"),
        pytest.param(
            "The heart is enlarged and there is fluid at the left base as before", "is a sentence", id="report"
        ),
    ],
)
def test_labels_that_say_nothing_certain_are_refused_and_may_be_left_out(
    tmp_path: Path, load: Load, cell: str, said: str
) -> None:
    pictures(tmp_path)
    table(tmp_path, rows=[*ROWS[:3], f'images/3.png,p3,"{cell}",PA,F,9'])
    line = refused(load, tmp_path, "row 5", said, "modality.cohort.unknown=skip")
    assert "p3" not in line
    loaded = load(tmp_path, unknown="skip")
    assert len(loaded.records) == 3
    assert [skip.count for skip in loaded.skipped] == [1]


@pytest.mark.field("images: labels", "counted")
@pytest.mark.parametrize("cell", ["possible edema", "Edema?", "V.a. Pneumonie", "probable Mass|suspected Nodule"])
def test_labels_that_are_all_in_doubt_leave_the_image_out(tmp_path: Path, load: Load, cell: str) -> None:
    pictures(tmp_path)
    table(tmp_path, rows=[*ROWS[:3], f"images/3.png,p3,{cell},PA,F,9"])
    loaded = load(tmp_path)
    assert [(skip.count, "certain" in skip.reason) for skip in loaded.skipped] == [(1, True)]
    assert len(load(tmp_path, uncertain="positive").records) == 4
    assert [skip.reason for skip in load(tmp_path, uncertain="drop").skipped] == ["uncertain finding"]


ONE_HOT = "file_name,patient_id,No Finding,Cardiomegaly,Pleural Effusion"


@pytest.mark.field("images: labels", "read")
@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("yes", "no"), ("TRUE", ""), ("x", ""), ("ja", "nein")],
)
def test_a_column_for_each_finding(tmp_path: Path, load: Load, listener: Listener, yes: str, no: str) -> None:
    pictures(tmp_path, 3)
    marks = ((yes, no, no), (no, yes, no), (no, yes, yes))
    table(tmp_path, ONE_HOT, [f"images/{at}.png,p{at},{','.join(row)}" for at, row in enumerate(marks)])
    assert conditions(load, tmp_path) == {
        "p0": CxrCondition(()),
        "p1": CxrCondition(("Cardiomegaly",)),
        "p2": CxrCondition(("Cardiomegaly", "pleural effusion")),
    }
    assert any("columns No Finding, Cardiomegaly, Pleural Effusion" in line for line in listener.lines)


@pytest.mark.field("images: labels", "read")
def test_columns_that_are_not_read_are_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, f"{ONE_HOT},Granuloma", ["images/0.png,p0,0,1,0,1"])
    assert conditions(load, tmp_path) == {"p0": CxrCondition(("Cardiomegaly",))}
    assert any("the columns Granuloma are not read" in line for line in listener.lines)
    table(tmp_path, "file_name,patient_id,labels,Edema", ["images/0.png,p0,Mass,1"])
    assert conditions(load, tmp_path) == {"p0": CxrCondition(("Mass",))}
    assert any("the columns Edema are not read" in line for line in listener.lines)


@pytest.mark.field("images: labels", "counted")
@pytest.mark.parametrize("marks", ["0,0,0", ",,", ",-1,", "0,0,-1"])
def test_a_row_without_a_certain_mark_is_not_normal(tmp_path: Path, load: Load, marks: str) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, ONE_HOT, ["images/0.png,p0,1,0,0", f"images/1.png,p1,{marks}"])
    loaded = load(tmp_path)
    assert [real.patient for real in loaded.records] == ["p0"]
    assert [skip.count for skip in loaded.skipped] == [1]


@pytest.mark.field("images: labels", "refused")
def test_columns_of_findings_without_one_for_normal_images(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, "file_name,patient_id,Cardiomegaly,Edema", ["images/0.png,p0,0,1", "images/1.png,p1,0,0"])
    refused(load, tmp_path, 'add a column "No Finding"')
    rows = ["images/0.png,p0,0,1,0", "images/1.png,p1,0,0,1"]
    table(tmp_path, "file_name,patient_id,Cardiomegaly,Edema,No Finding", rows)
    assert conditions(load, tmp_path) == {"p0": CxrCondition(("Edema",)), "p1": CxrCondition()}


@pytest.mark.field("images: labels", "refused")
def test_a_mark_that_is_none(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, ONE_HOT, ["images/0.png,p0,1,0,0", "images/1.png,p1,0,2,0"])
    refused(load, tmp_path, "row 3", '"Cardiomegaly"', "1, 0, -1", "unknown=skip")
    assert len(load(tmp_path, unknown="skip").records) == 1


# Views


@pytest.mark.field("images: views", "read")
@pytest.mark.parametrize(
    ("cell", "view"),
    [
        *((word, "PA") for word in (
            "pa", "P.A.", "p.a.", "P-A", "PA_ERECT", "PA erect", "ERECT PA", "POSTERO_ANTERIOR", "POSTEROANTERIOR",
            "POSTERIOR-ANTERIOR", "posterior to anterior", "postero-anterior", "póstero-anterior", "postéro-antérieur",
            "dorsoventral", "Thorax p.a.", "Chest PA", "W033 Chest PA", "后前位",
        )),
        *((word, "AP") for word in (
            "AP", "a.p.", "AP_PORTABLE", "AP PORTABLE", "AP_SUPINE", "AP Supine", "AP_horizontal", "AP_ERECT",
            "ANTERO_POSTERIOR", "ANTEROPOSTERIOR", "anterior-posterior", "antero-postérieur", "ventrodorsal",
            "PORTABLE AP", "Thorax a.p. liegend",
        )),
        *((word, "") for word in (
            "FRONTAL", "Frontal", "ERECT", "PORTABLE", "supine", "de face", "Frente", "stehend", "", "unknown", "NaN",
        )),
    ],
)  # fmt: skip
def test_words_of_frontal_views(tmp_path: Path, load: Load, cell: str, view: str) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, rows=[f"images/0.png,p0,Edema,{cell},F,60"])
    assert conditions(load, tmp_path)["p0"].view == view


@pytest.mark.field("images: views", "counted")
@pytest.mark.parametrize(
    "cell",
    [
        "L", "LL", "RL", "LAT", "Lat.", "LATERAL", "left lateral", "RLAT", "LLAT", "seitlich", "Profil", "perfil",
        "XTABLE LATERAL", "LAO", "RAO", "oblique", "AP LLD", "PA RLD", "AP decubitus", "AP AXIAL", "lordotic",
        "latero-lateral", "侧位", "胸部側面", "боковая", "boczna", "sidobild", "dwars",
    ],
)  # fmt: skip
def test_words_of_other_views_leave_the_image_out(tmp_path: Path, load: Load, cell: str) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, rows=["images/0.png,p0,Edema,PA,F,60", f"images/1.png,p1,Edema,{cell},F,60"])
    loaded = load(tmp_path)
    assert [real.patient for real in loaded.records] == ["p0"]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("lateral or oblique view", 1)]


@pytest.mark.field("images: views", "refused")
@pytest.mark.parametrize("cell", ["sideways", "PA/LAT", "PA and AP", "2 views", "Chest"])
def test_words_of_no_certain_view(tmp_path: Path, load: Load, cell: str) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, rows=["images/0.png,p0,Edema,PA,F,60", f"images/1.png,p1,Edema,{cell},F,60"])
    refused(load, tmp_path, "row 3", "view must be PA, AP, LATERAL, or empty", "unknown=skip")
    assert [skip.reason for skip in load(tmp_path, unknown="skip").skipped] == ["view that is not known"]


# Ages and sexes


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("cell", "age"),
    [
        ("45", 45), ("45.0", 45), ('"45,0"', 45), ("45.9", 45), ("045Y", 45), ("089Y", 89), ("18M", 1), ("006M", 0),
        ("040W", 0), ("010D", 0), ("34 years", 34), ("34 years old", 34), ("34 yo", 34), ("34y/o", 34),
        ("34-year-old", 34),
        ("34 Jahre", 34), ("34 J.", 34), ("34 ans", 34), ("34 años", 34), ("18 months", 1), ("6 Monate", 0),
        ("90+", 90),
        ("> 89", 90), (">89", 90), (">=90", 90), ("≥ 90", 90), ("90 or older", 90), ("85 or more", 85), ("0", 0),
        ("", None), ("unknown", None), ("NaN", None), ("-", None),
    ],
)  # fmt: skip
def test_ages(tmp_path: Path, load: Load, cell: str, age: int | None) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, rows=[f"images/0.png,p0,Edema,PA,F,{cell}"])
    assert conditions(load, tmp_path)["p0"].age == age


@pytest.mark.field("images: ages and sexes", "counted")
@pytest.mark.parametrize("cell", ["121", "412", "-1", "999", "150Y"])
def test_ages_that_nobody_reaches_are_unknown_and_counted(
    tmp_path: Path, load: Load, listener: Listener, cell: str
) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, rows=[f"images/0.png,p0,Edema,PA,F,{cell}"])
    assert conditions(load, tmp_path)["p0"].age is None
    assert any(line.startswith("1 ages outside 0 to 120") for line in listener.lines)


@pytest.mark.field("images: ages and sexes", "refused")
@pytest.mark.parametrize("cell", ["40-49", "adult", "forty", "40s", "19500302", "1950-03-02", "02.03.1950"])
def test_ages_that_are_none(tmp_path: Path, load: Load, cell: str) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, rows=["images/0.png,p0,Edema,PA,F,60", f"images/1.png,p1,Edema,PA,F,{cell}"])
    line = refused(load, tmp_path, "row 3", "age must be years", "unknown=skip")
    assert ("birth_date" in line) == ("1950" in cell)
    assert len(load(tmp_path, unknown="skip").records) == 1


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("born", "seen", "age"),
    [
        ("19500302", "20200301", 69), ("1950-03-02", "2020-03-02", 70), ("02.03.1950", "01.03.2020", 69),
        ("1950-03-02 00:00:00", "2020-03-02T10:11:12", 70), ("25/12/1950", "26/12/2020", 70), ("", "20200301", None),
        ("19500302", "", None), ("19500302.0", "20200302.0", 70),
    ],
)  # fmt: skip
def test_ages_by_dates(tmp_path: Path, load: Load, born: str, seen: str, age: int | None) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, "file_name,patient_id,labels,Geburtsdatum,StudyDate", [f"images/0.png,p0,Edema,{born},{seen}"])
    assert conditions(load, tmp_path)["p0"].age == age


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("cell", "sex"),
    [
        *((word, "F") for word in ("F", "f", "female", "Female", "W", "w", "weiblich", "Frau", "Femenino", "mujer")),
        *((word, "M") for word in ("M", "m", "male", "Male", "männlich", "Mann", "Masculino", "homme", "varón")),
        *((word, "") for word in ("", "O", "U", "D", "divers", "X", "unknown", "unbekannt", "NaN", "other")),
    ],
)  # fmt: skip
def test_sexes(tmp_path: Path, load: Load, cell: str, sex: str) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, rows=[f"images/0.png,p0,Edema,PA,{cell},60"])
    assert conditions(load, tmp_path)["p0"].sex == sex


@pytest.mark.field("images: ages and sexes", "read")
def test_h_beside_f_is_homme(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, rows=["images/0.png,p0,Edema,PA,F,60", "images/1.png,p1,Edema,PA,H,60"])
    assert [c.sex for c in conditions(load, tmp_path).values()] == ["F", "M"]


@pytest.mark.field("images: ages and sexes", "refused")
@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("0", "1", "numbers do not say which is which"), ("1", "2", "numbers do not say which is which"),
        ("H", "M", "H and M"), ("V", "M", "M and V"), ("K", "E", "the sex must be F, M"),
    ],
)  # fmt: skip
def test_sexes_that_are_read_one_way_or_the_other(tmp_path: Path, load: Load, one: str, other: str, said: str) -> None:
    pictures(tmp_path, 2)
    rows = "images/0.png,p0,Edema,PA,{},60", "images/1.png,p1,Edema,PA,{},60"
    table(tmp_path, rows=[rows[0].format(one), rows[1].format(other)])
    refused(load, tmp_path, said)
    table(tmp_path, rows=[rows[0].format("F"), rows[1].format("M")])
    assert [c.sex for c in conditions(load, tmp_path).values()] == ["F", "M"]


# Files


@pytest.mark.field("images: files", "read")
@pytest.mark.parametrize(
    ("named", "there"),
    [
        pytest.param("images/{}.PNG", "images/{}.png", id="capitals in the table"),
        pytest.param("images/{}.png", "images/{}.PNG", id="capitals in the folder"),
        pytest.param("Images/{}.png", "images/{}.png", id="capitals of the folder's name"),
        pytest.param("images/{}", "images/{}.png", id="no ending in the table"),
        pytest.param("images/{}.jpg", "images/{}.png", id="jpg in the table, png in the folder"),
        pytest.param("images/{}.jpeg", "images/{}.jpg", id="jpeg and jpg"),
        pytest.param("images/{}.dcm.png", "images/{}.dcm.png", id="two endings"),
        pytest.param(r"images\{}.png", "images/{}.png", id="backslashes"),
        pytest.param("./images/{}.png", "images/{}.png", id="a dot before"),
        pytest.param("{}.png", "images/{}.png", id="a folder between table and file"),
        pytest.param("{}.png", "a/b/c/{}.png", id="three folders between"),
        pytest.param(
            unicodedata.normalize("NFC", "images/Müller{}.png"), unicodedata.normalize("NFD", "images/Müller{}.png"),
            id="composed in the table, decomposed in the folder",
        ),
        pytest.param(
            unicodedata.normalize("NFD", "images/Müller{}.png"), unicodedata.normalize("NFC", "images/Müller{}.png"),
            id="decomposed in the table, composed in the folder",
        ),
        pytest.param("images/a b {}.png", "images/a b {}.png", id="spaces"),
        pytest.param("images/a%20b%20{}.png", "images/a b {}.png", id="spaces as in an address"),
        pytest.param("1.2.840.{}", "1.2.840.{}.png", id="an identifier with points, without ending"),
    ],
)  # fmt: skip
def test_files_under_other_names(tmp_path: Path, load: Load, named: str, there: str) -> None:
    pictures(tmp_path, 3, there)
    rows = [f"{named.format(at)},p{at},Edema,PA,F,{60 + at}" for at in range(3)]
    table(tmp_path, rows=rows)
    loaded = load(tmp_path, size=64)
    assert {real.patient: real.condition.age for real in loaded.records} == {"p0": 60, "p1": 61, "p2": 62}
    assert loaded.layout == "plain"
    assert loaded.skipped == ()


@pytest.mark.field("images: files", "refused")
@pytest.mark.parametrize(
    ("named", "there"),
    [
        pytest.param("set/{}.png", ("images/{}.png",), id="another folder"),
        pytest.param("{}.png", ("a/{}.png", "b/{}.png"), id="two of the name"),
        pytest.param("images/{}.bmp.png", ("images/{}.png",), id="another name"),
        pytest.param("images/{}", ("images/{}.png", "images/{}.jpg"), id="two endings"),
    ],
)
def test_files_that_may_be_two_or_none_are_no_guess(
    tmp_path: Path, load: Load, named: str, there: tuple[str, ...]
) -> None:
    for pattern in there:
        pictures(tmp_path, 3, pattern)
    table(tmp_path, rows=[f"{named.format(at)},p{at},Edema,PA,F,60" for at in range(3)])
    line = refused(load, tmp_path, "3 of 3 images are absent", layout="plain")
    if "did you mean " in line:
        meant = line.partition("did you mean ")[2].partition("?")[0]
        assert (tmp_path / meant).is_file()
    table(tmp_path, rows=[f"{there[0].format(at)},p{at},Edema,PA,F,60" for at in range(3)])
    assert len(load(tmp_path, layout="plain").records) == 3


@pytest.mark.field("images: files", "refused")
@pytest.mark.parametrize("name", ["/data/0.png", r"C:\data\0.png", "D:/data/0.png", r"\\nas\x\0.png", "../0.png"])
def test_paths_of_another_machine(tmp_path: Path, load: Load, name: str) -> None:
    pictures(tmp_path, 1, "{}.png")
    table(tmp_path, rows=[f"{name},p0,Edema,PA,F,60"])
    refused(load, tmp_path, "row 2", "must be a path below the table's folder")
    table(tmp_path, rows=["0.png,p0,Edema,PA,F,60"])
    assert len(load(tmp_path).records) == 1


def linked(tmp_path: Path) -> Path:
    pictures(tmp_path / "elsewhere", 4, "{}.png")
    data = tmp_path / "data"
    table(data)
    return data


@pytest.mark.field("images: files", "read")
def test_a_folder_that_is_a_link(tmp_path: Path, load: Load) -> None:
    data = linked(tmp_path)
    (data / "images").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert conditions(load, data) == READ


@pytest.mark.field("images: files", "read")
def test_files_that_are_links(tmp_path: Path, load: Load) -> None:
    data = linked(tmp_path)
    (data / "images").mkdir()
    for at in range(4):
        (data / f"images/{at}.png").symlink_to(tmp_path / f"elsewhere/{at}.png")
    assert conditions(load, data) == READ


@pytest.mark.field("images: files", "read")
def test_a_link_to_the_folder_above_ends_nowhere(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path)
    table(tmp_path)
    (tmp_path / "images/up").symlink_to(tmp_path, target_is_directory=True)
    loaded = load(tmp_path)
    assert len(loaded.records) == 4
    assert loaded.skipped == ()


@pytest.mark.field("images: files", "refused")
def test_archives_that_nobody_unpacked(tmp_path: Path, load: Load) -> None:
    table(tmp_path)
    (tmp_path / "images.zip").write_bytes(b"PK\x03\x04")
    refused(load, tmp_path, "4 of 4 images are absent", "unpack the 1 archives there, such as images.zip")
    pictures(tmp_path)
    assert conditions(load, tmp_path) == READ


@pytest.mark.field("images: files", "refused")
@pytest.mark.parametrize("name", ["cohort.zip", "cohort.tar.gz", "cohort.7z"])
def test_an_archive_is_given(tmp_path: Path, load: Load, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    refused(load, tmp_path / name, "is an archive: unpack it, and give the folder")
    refused(load, tmp_path, "no known layout", "archives", name, "unpack them there")
    pictures(tmp_path)
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


def meant(line: str) -> Path:
    """The folder that a message advises."""
    return Path(line.partition("--data ")[2].partition(" (")[0])


@pytest.mark.field("images: files", "refused")
@pytest.mark.parametrize("depth", ["cohort", "a/b", "physionet.org/files/set/1.0.0"])
def test_a_folder_too_high(tmp_path: Path, load: Load, depth: str) -> None:
    pictures(tmp_path / depth)
    table(tmp_path / depth)
    line = refused(load, tmp_path, "no known layout", "did you mean --data", "(plain)")
    assert conditions(load, meant(line)) == READ


@pytest.mark.field("images: files", "refused")
@pytest.mark.parametrize("below", ["images", "images/deep"])
def test_a_folder_too_low(tmp_path: Path, load: Load, below: str) -> None:
    pictures(tmp_path)
    (tmp_path / "images/deep").mkdir()
    write_png(tmp_path / "images/deep/9.png")
    table(tmp_path)
    line = refused(load, tmp_path / below, "did you mean the folder above", "(plain)")
    assert conditions(load, meant(line)) == READ


@pytest.mark.field("images: files", "refused")
def test_the_table_is_given_instead_of_its_folder(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path)
    table(tmp_path)
    line = refused(load, tmp_path / "metadata.csv", "is a file", "did you mean --data")
    assert conditions(load, Path(line.partition("--data ")[2].removesuffix("?"))) == READ


@pytest.mark.field("images: files", "refused")
def test_raw_files(tmp_path: Path, load: Load) -> None:
    (tmp_path / "JPCLN001.IMG").write_bytes(bytes(64))
    refused(load, tmp_path, ".IMG files are not read: convert them to PNG", "write metadata.csv")
    pictures(tmp_path)
    table(tmp_path)
    assert conditions(load, tmp_path) == READ


# Rows that cannot be read


Spoil = Callable[[str], str]


@pytest.mark.field(TABLES, "counted")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda row: row.replace("p1", ""), "row without a patient", id="no patient"),
        pytest.param(lambda row: row.replace("images/1.png", ""), "row without a file name", id="no file"),
        pytest.param(lambda row: row.replace("45", "old"), "row with an age that cannot be read", id="age"),
        pytest.param(lambda row: row.replace(",M,", ",?!,"), "row with a sex that cannot be read", id="sex"),
        pytest.param(lambda row: row.replace("AP", "upside"), "view that is not known", id="view"),
        pytest.param(lambda row: row + ",more", "row with too few or too many cells", id="too many cells"),
        pytest.param(lambda row: "images/1.png,p1", "row with too few or too many cells", id="too few cells"),
        pytest.param(lambda row: row.replace("Edema", ""), "row without a label that can be read", id="label"),
        pytest.param(
            lambda row: row.replace("images", "/data"), "file name that is no path below the table", id="path"
        ),
    ],
)
def test_one_row_does_not_stop_the_others(tmp_path: Path, load: Load, spoil: Spoil, reason: str) -> None:
    pictures(tmp_path)
    table(tmp_path, rows=[ROWS[0], spoil(ROWS[1]), *ROWS[2:]])
    refused(load, tmp_path, "row 3", "set modality.cohort.unknown=skip")
    loaded = load(tmp_path, unknown="skip")
    assert {real.patient: real.condition for real in loaded.records} == {k: v for k, v in READ.items() if k != "p1"}
    assert {skip.reason: skip.count for skip in loaded.skipped if "without a row" not in skip.reason} == {reason: 1}


@pytest.mark.field(TABLES, "refused")
def test_many_rows_that_cannot_be_read_are_told_in_one_go(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path)
    table(tmp_path, rows=[row.replace("60", "old").replace("45", "older") for row in ROWS])
    refused(load, tmp_path, "row 2", "(and 1 more rows that cannot be read)")
    assert len(load(tmp_path, unknown="skip").records) == 2


@pytest.mark.field("images: ages and sexes", "counted")
@pytest.mark.parametrize(
    ("born", "seen"),
    [
        ("1900-01-01", "2020-03-01"),
        ("3/2/50", "3/1/20"),
        ("18324", "43891"),
        ("1950", "2020-03-01"),
        ("02-Mar-1950", "2020"),
    ],
)
def test_dates_that_make_no_age_are_told(tmp_path: Path, load: Load, listener: Listener, born: str, seen: str) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, "file_name,patient_id,labels,birth_date,study_date", [f"images/0.png,p0,Edema,{born},{seen}"])
    assert conditions(load, tmp_path)["p0"].age is None
    assert any(line.startswith("1 dates of birth and study make no age") for line in listener.lines)


@pytest.mark.field("images: folders", "read")
@pytest.mark.parametrize("splits", [("Train", "Test"), ("training", "dev", "holdout")])
def test_splits_under_other_names_are_one_cohort(tmp_path: Path, load: Load, splits: tuple[str, ...]) -> None:
    for split in splits:
        pictures(tmp_path / split, 1)
        table(tmp_path / split, rows=[f"images/0.png,p-{split},Edema,PA,F,60"])
    assert {real.patient for real in load(tmp_path).records} == {f"p-{split}" for split in splits}


@pytest.mark.field("images: files", "refused")
def test_a_first_row_that_names_no_file_is_told_as_such(tmp_path: Path, load: Load) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, "file_name,patient_id,labels", ["string,string,string", "images/0.png,p0,Edema"])
    refused(load, tmp_path, "1 of 2 images are absent, the first string (metadata.csv, row 2)", "absent=skip")
    assert list(conditions(load, tmp_path, absent="skip")) == ["p0"]


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("column", "cell", "age"),
    [
        pytest.param("age_months", "30", 2, id="months"),
        pytest.param("Age (months)", "11.5", 0, id="months of an infant"),
        pytest.param("Alter in Monaten", "720,0", 60, id="months in German"),
        pytest.param("age_in_days", "21915", 60, id="days"),
        pytest.param("AgeDays", "364", 0, id="days of an infant"),
        pytest.param("age_weeks", "53", 1, id="weeks"),
        pytest.param("age_months", "3 years", 3, id="years all the same"),
    ],
)
def test_ages_in_another_unit(tmp_path: Path, load: Load, column: str, cell: str, age: int) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, f"file_name;patient_id;labels;{column}", [f"images/0.png;p0;Edema;{cell}"])
    assert conditions(load, tmp_path)["p0"].age == age


@pytest.mark.field("images: ages and sexes", "counted")
@pytest.mark.parametrize(("column", "cell"), [("age_months", "-3"), ("age_days", "99999"), ("age_months", "1e9")])
def test_ages_in_another_unit_that_nobody_has(
    tmp_path: Path, load: Load, listener: Listener, column: str, cell: str
) -> None:
    pictures(tmp_path, 1)
    table(tmp_path, f"file_name,patient_id,labels,{column}", [f"images/0.png,p0,Edema,{cell}"])
    assert conditions(load, tmp_path)["p0"].age is None
    assert any(line.startswith("1 ages outside 0 to 120") for line in listener.lines)


@pytest.mark.field("images: labels", "counted")
@pytest.mark.parametrize(
    "cell", ["Edema=0", "Edema: 0; Mass: 0", "Edema=0|No Finding=0", "\"{'Edema': 0, 'Mass': 0}\"", "Edema (absent)"]
)
def test_findings_that_are_all_denied_make_no_normal_image(tmp_path: Path, load: Load, cell: str) -> None:
    pictures(tmp_path, 2)
    table(tmp_path, "file_name,patient_id,labels", ["images/0.png,p0,No Finding=1", f"images/1.png,p1,{cell}"])
    loaded = load(tmp_path)
    assert [real.patient for real in loaded.records] == ["p0"]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [
        ("no finding that is certain, and No Finding is not marked either", 1)
    ]


@pytest.mark.field("images: folders", "counted")
@pytest.mark.parametrize("name", ["metadata (1).csv", "metadata_final.csv", "Kopie von metadata.csv", "labels.tsv"])
def test_another_table_beside_is_told(tmp_path: Path, load: Load, listener: Listener, name: str) -> None:
    pictures(tmp_path)
    table(tmp_path)
    table(tmp_path, rows=ROWS[:1], name=name)
    assert conditions(load, tmp_path) == READ
    assert any(f"metadata.csv is read; {name} beside it" in line for line in listener.lines)
