"""What is written is said: doses, dates, scores, abbreviations, sounds, stutter, addresses."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.generators.speech.spoken import read_aloud, remarks
from synthgen.generators.speech.spoken.lexicon import lexicon
from synthgen.generators.speech.spoken.numerals import Numerals
from synthgen.generators.speech.spoken.sounds import is_sound
from synthgen.generators.speech.text import clean, divide, plain

pytest.importorskip("num2words")

ENGLISH = """
Take 20 mg b.i.d. = Take twenty milligrams twice a day.
0.5 mL q.d. = zero point five milliliters once a day.
.5 mg = zero point five milligrams
1,5 mg = one point five milligrams
1,500 mg = one thousand five hundred milligrams
1.5 mg = one point five milligrams
0,250 mg = zero point two five zero milligrams
1 mg, not 10 mg = one milligram, not ten milligrams
every 8-12 hrs = every eight to twelve hours
for 1–2 weeks = for one to two weeks
10-20% = ten to twenty percent
5 mg/kg/day = five milligrams per kilogram per day
120 mg/dL = one hundred and twenty milligrams per deciliter
10mg/5mL = ten milligrams per five milliliters
100 µg = one hundred micrograms
100 μg = one hundred micrograms
5 mcg = five micrograms
a 5-mg tablet = a five milligram tablet
10 IU = ten international units
38.5 °C = thirty-eight point five degrees Celsius
98.6°F = ninety-eight point six degrees Fahrenheit
101.5F = one hundred and one point five degrees Fahrenheit
-5 °C = minus five degrees Celsius
BP 120/80 mmHg = B P one hundred and twenty over eighty millimeters of mercury
BP is 118/76 = B P is one hundred and eighteen over seventy-six
80 bpm = eighty beats per minute
5 m² = five square meters
0.6-1.0 mEq/L = zero point six to one point zero milliequivalents per liter
Your PHQ-9 was 17/27 = Your P H Q nine was seventeen out of twenty-seven
PHQ9 19/27 = P H Q nine nineteen out of twenty-seven
GAD-7 of 12 = G A D seven of twelve
MMSE 28/30 = M M S E twenty-eight out of thirty
pain 7/10 = pain seven out of ten
1/2 = one half
½ tablet = one half tablet
3/4 cup = three quarters cup
2 1/2 tablets = two and a half tablets
2½ = two and a half
1:1 ratio = one to one ratio
03/04/2026 = March fourth, twenty twenty-six
25/12/2020 = December twenty-fifth, twenty twenty
31.12.2020 = December thirty-first, twenty twenty
2026-04-03 = April third, twenty twenty-six
April 3rd, 2021 = April third, twenty twenty-one
on 3 April 2021 = on April third, twenty twenty-one
the 5th of May = the fifth of May
Feb 3 = February third
in Jan. 2021 = in January twenty twenty-one
in 1998 = in nineteen ninety-eight
from 2010-2015 = from twenty ten to twenty fifteen
the 1990s = the nineteen nineties
in my 30s = in my thirties
1000 mg = one thousand milligrams
1500 steps = one thousand five hundred steps
at 10:30 a.m. = at ten thirty A M.
8am = eight A M
14:05 = fourteen oh five
10:00 = ten o'clock
5 o'clock = five o'clock
1st, 2nd and 21st = first, second and twenty-first
type II diabetes = type two diabetes
stage IV cancer = stage four cancer
IV fluids = I V fluids
Henry VIII = Henry the eighth
3x/day = three times per day
2x a week = twice a week
2-3x/week = two to three times per week
10 x 5 cm = ten by five centimeters
q4h prn = every four hours as needed
q6-8h = every six to eight hours
500mg PO BID x 7 days = five hundred milligrams by mouth twice a day for seven days
Dr. Smith vs. Mrs. Jones = Doctor Smith versus Missis Jones
w/o milk, w/ food = without milk, with food
c/o pain, h/o asthma = complains of pain, history of asthma
a 45 yo F = a forty-five year old female
5'11" = five foot eleven
the MRI, the ECG and COPD = the M R I, the E C G and C O P D
HbA1c 7.2% = H B A one C seven point two percent
B12 and T2DM = B twelve and T two D M
L4-L5 = L four L five
$20, $3.50 and €1,200 = twenty dollars, three dollars fifty and one thousand two hundred euros
555-0123 = five five five, zero one two three
1-800-273-8255 = one, eight zero zero, two seven three, eight two five five
room 007 = room zero zero seven
24/7 = twenty-four seven
he/she and/or they = he or she and or they
>3 months, ≥ 10, ~5 lbs = greater than three months, at least ten, about five pounds
No. 5 is best. No. = number five is best. No.
#3 = number three
www.example.org/help = W W W dot example dot org slash help
a.smith@clinic.org = A dot smith at clinic dot org
I-I-I don't know = I, I, I don't know
b-b-but = bu, bu, but
W-w-what? = Wha, wha, what?
a t-test, an x-ray, a re-read = a t-test, an x-ray, a re-read
a one-on-one = a one-on-one
**very** sad = very sad
[help](https://example.org/a) = help
I said NO! = I said NO!
sertraline 50 mg QAM = sertraline fifty milligrams every morning
We meet at 9:00-10:30. = We meet at nine o'clock to ten thirty.
9am-5pm = nine A M to five P M
8:30 a.m.-5 p.m. = eight thirty A M to five P M.
See you Tues 5/6. = See you Tues May sixth.
C-SSRS 3/5 = C-SSRS three out of five
AUDIT-C: 4/8 = AUDIT-C: four out of eight
a 3 y/o boy = a three year old boy
a 72yo woman = a seventy-two year old woman
platelets 150k = platelets one hundred and fifty thousand
$5k = five thousand dollars
$1.5 million = one point five million dollars
11.2 x10^9/L = eleven point two times ten to the nine per liter
4 × 10⁹ = four times ten to the nine
3x10^6 = three times ten to the six
eGFR >60 mL/min/1.73m2 = eGFR greater than sixty milliliters per minute per one point seven three square meters
<5% = less than five percent
<=10 mg = at most ten milligrams
HR < 60 = H R less than sixty
2020/21 = twenty twenty twenty-one
at 1400 hrs = at fourteen hundred hours
0730 hours = oh seven thirty hours
call 911 = call nine one one
the 988 line = the nine eight eight line
Jan 5-7 = January fifth to seventh
stage IIIA = stage three A
20 MG BID = twenty milligrams twice a day
20 mg bid = twenty milligrams twice a day
200 ML = two hundred milliliters
2 x 500 mg = two times five hundred milligrams
500 mg x2 = five hundred milligrams times two
A&O x3 = alert and oriented times three
5 ft 6 in = five foot six
2 tsp = two teaspoons
N/V/D = nausea, vomiting and diarrhea
d/c on 5/3 = D C on May third
Mon-Fri = Monday to Friday
L4/5 = L four five
at 0200 = at oh two hundred hours
seen at 1430 and at 0600. = seen at fourteen thirty hours and at oh six hundred hours.
from 0800 to 1700 = from oh eight hundred to seventeen hundred hours
at 1200 steps = at one thousand two hundred steps
call 116117 = call one one six one one seven
116 123 = one one six one two three
1-800-QUIT-NOW = one, eight zero zero, QUIT, NOW
1-888-NURSE4U = one, eight eight eight, NURSE four U
(800) 273-TALK = eight zero zero, two seven three, TALK
No 5 mg tablets = No five milligram tablets
two 500 mg tablets = two five hundred milligram tablets
20 mg od = twenty milligrams once a day
500mg PO TDS for 7 days = five hundred milligrams by mouth three times a day for seven days
10 mg bd prn = ten milligrams twice a day as needed
1 tablet qds = one tablet four times a day
the OD was a bid = the OD was a bid
in 2020-21 = in twenty twenty to twenty-one
"""

GERMAN = """
20 mg 2x tgl. = zwanzig Milligramm zweimal täglich.
0,5 ml = null Komma fünf Milliliter
1.5 mg = eins Komma fünf Milligramm
1.500 ml = eintausendfünfhundert Milliliter
1 mg und 1 Tablette = ein Milligramm und eine Tablette
alle 8-12 Std = alle acht bis zwölf Stunden
10–20 mg = zehn bis zwanzig Milligramm
5 mg/kg = fünf Milligramm pro Kilogramm
38,5 °C = achtunddreißig Komma fünf Grad Celsius
50 % = fünfzig Prozent
RR 120/80 mmHg = Blutdruck einhundertzwanzig zu achtzig Millimeter Quecksilbersäule
Ihr PHQ-9 war 17/27 = Ihr P H Q neun war siebzehn von siebenundzwanzig
am 03.04.2026 = am dritten April zweitausendsechsundzwanzig
am 3. April 1998 = am dritten April neunzehnhundertachtundneunzig
der 3. Mai = der dritte Mai
am 15.6. = am fünfzehnten Juni
seit 2010 = seit zweitausendzehn
um 10:30 Uhr = um zehn Uhr dreißig
um 8:05 = um acht Uhr fünf
um 14 Uhr = um vierzehn Uhr
in der 12. SSW = in der zwölften Schwangerschaftswoche
im 3. Stock = im dritten Stock
½ Tablette = eine halbe Tablette
1 1/2 Tbl. täglich = eineinhalb Tabletten täglich
1-0-1 = eins, null, eins
3x/Tag = dreimal pro Tag
Grad II = Grad zwei
45-jährig = fünfundvierzigjährig
3,50 € = drei Euro fünfzig
80er Jahre = achtziger Jahre
Dr. Müller, z. B. ca. 10 km/h = Doktor Müller, zum Beispiel circa zehn Kilometer pro Stunde
MRT und EKG = M R T und E K G
info@praxis.de = info ät praxis Punkt D E
Ich-ich weiß nicht = Ich, ich weiß nicht
d-d-das geht = da, da, das geht
alle 2-3 h = alle zwei bis drei Stunden
seit 2-3 h = seit zwei bis drei Stunden
von 9-17 h = von neun bis siebzehn Uhr
gegen 17h = gegen siebzehn Uhr
1-0-1/2 = eins, null, ein halb
1/2-0-1 = ein halb, null, eins
1-0-½ = eins, null, ein halb
vom 1.-5.3.2024 = vom ersten bis fünften März zweitausendvierundzwanzig
vom 1. bis 5. März = vom ersten bis fünften März
am 1. und 2. Mai = am ersten und zweiten Mai
1. und 2. Sitzung = erste und zweite Sitzung
in den 1990ern = in den neunzehnhundertneunzigern
LWK 4/5 = L W K vier fünf
V.a. Depression = Verdacht auf Depression
v.a. nachts = vor allem nachts
Fr. 12.4. = Freitag zwölfter April
Fr. Schmidt = Frau Schmidt
Mo. bis Fr. = Montag bis Freitag
Mo-Fr = Montag bis Freitag
<5% = kleiner als fünf Prozent
< 5 mg = kleiner als fünf Milligramm
2,5-fach = zwei Komma fünffach
20,- € = zwanzig Euro
20 EUR = zwanzig Euro
5 Mio. = fünf Millionen
Notruf 112 = Notruf eins eins zwei
ein 24-h-EKG = ein vierundzwanzig Stunden E K G
50%ig = fünfzigprozentig
2 1/2 Stunden = zweieinhalb Stunden
re. und li. Knie = rechts und links Knie
NYHA III = NYHA drei
BDI-II 28 = BDI-zwei achtundzwanzig
TSH 2,5 mU/l = T S H zwei Komma fünf Millieinheiten pro Liter
10^9 = zehn hoch neun
Temp. 37,8 °C = Temperatur siebenunddreißig Komma acht Grad Celsius
45j. Pat. mit Husten = fünfundvierzigjähriger Patient mit Husten
bei einer 45j. Pat. = bei einer fünfundvierzigjährigen Patientin
eine 30j. Frau und ein 2j. Kind = eine dreißigjährige Frau und ein zweijähriges Kind
Rufen Sie 116117 an. = Rufen Sie eins eins sechs eins eins sieben an.
Ibuprofen (400 mg b.B.) = Ibuprofen (vierhundert Milligramm bei Bedarf)
Ibuprofen b.B., max. 3x tgl. = Ibuprofen bei Bedarf, maximal dreimal täglich.
ab 2020-21 = ab zweitausendzwanzig bis einundzwanzig
"""


def pairs(table: str) -> list[tuple[str, str]]:
    return [tuple(line.rsplit(" = ", 1)) for line in table.strip().split("\n")]  # type: ignore[misc]


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(("written", "said"), pairs(ENGLISH), ids=[w for w, _ in pairs(ENGLISH)])
def test_english_is_read_aloud(written: str, said: str) -> None:
    assert read_aloud(written, "en") == said


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(("written", "said"), pairs(GERMAN), ids=[w for w, _ in pairs(GERMAN)])
def test_german_is_read_aloud(written: str, said: str) -> None:
    assert read_aloud(written, "de") == said


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "vingt mg, un virgule cinq mg, moins trois"),
        ("es", "veinte mg, uno punto cinco mg, menos tres"),
        ("nl", "twintig mg, één komma vijf mg, min drie"),
        ("ru", "двадцать mg, одна целая пять десятых mg, минус три"),
        ("pl", "dwadzieścia mg, jeden przecinek pięć mg, minus trzy"),
    ],
)
def test_other_languages_have_their_numbers(language: str, said: str) -> None:
    assert read_aloud("20 mg, 1,5 mg, -3", language) == said


def test_a_language_without_numerals_keeps_its_figures() -> None:
    assert read_aloud("20 mg", "xx") == "20 mg"


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize("day_first", ["en-gb", "en-au"])
def test_the_order_of_a_date_is_that_of_the_country(day_first: str) -> None:
    assert read_aloud("on 03/04/2026", day_first) == "on April third, twenty twenty-six"
    assert read_aloud("on 03/04/2026", "en-us") == "on March fourth, twenty twenty-six"


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(
    "sound",
    [
        *(
            "[laughs]",
            "[LAUGHTER]",
            "*sighs*",
            "*looks away*",
            "(pause)",
            "(long pause)",
            "(laughs nervously)",
            "(2.5)",
        ),
        *("(.)", "<laughter>", "((coughs))", "{sniffs}", "&=laughs", "(lacht)", "*seufzt*", "[inaudible 00:12:03]"),
        *("😀", "👩‍⚕️", "❤️", ":)", ":-(", ";-)", ":smile:", "[NAME]", "(clears throat)", "(takes a deep breath)"),
    ],
)
def test_sounds_emoji_and_remarks_are_pauses_and_no_words(sound: str) -> None:
    assert remarks(f"Well {sound} yes.") >= 1
    said = clean(read_aloud(plain(f"Well {sound} yes."), "en"))
    assert re.findall(r"\w+", said) == ["Well", "yes"]
    assert [unit.text for unit in divide(said, "phrase")] == ["Well", "yes."]
    assert [unit.boundary for unit in divide(said, "phrase")] == ["sentence", "sentence"]
    assert divide(clean(read_aloud(sound, "en")), "phrase") == ()


@pytest.mark.parametrize("said", ["(I was scared)", "*very*", "(PHQ-9)", "the silence (of that house)", "quiet"])
def test_what_is_said_in_brackets_or_stressed_stays(said: str) -> None:
    assert remarks(said) == 0
    assert not is_sound(said.strip("()*"), starred="*" in said)


@given(st.text(max_size=80), st.sampled_from(["en", "de"]))
@settings(max_examples=150, deadline=None)
def test_no_figure_is_left(text: str, language: str) -> None:
    assert not any(character in "0123456789" for character in read_aloud(text, language))


@given(st.from_regex(r"\A[0-9.,:/%x\- a-z()*]{0,60}\Z"), st.sampled_from(["en", "de", "fr", "ru", "ja"]))
@settings(max_examples=150, deadline=None)
def test_no_combination_of_figures_and_signs_is_an_error(text: str, language: str) -> None:
    assert not any(character in "0123456789" for character in read_aloud(text, language))


@given(st.integers(0, 10**11), st.sampled_from(["en", "de"]))
@settings(max_examples=50, deadline=None)
def test_a_number_is_the_same_with_and_without_its_thousands(number: int, language: str) -> None:
    words = lexicon(language)
    assert words is not None
    numerals = Numerals(language, words.decimal, words.say.point)
    grouped = f"{number:,}".replace(",", "," if language == "en" else ".")
    assert numerals.plain(grouped) == numerals.plain(str(number)) == str(number)


def test_ten_thousand_words_are_read_in_seconds() -> None:
    assert len(read_aloud("take 20 mg at 10:30 - or (not) " * 2000, "en").split()) > 10_000


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_heading_of_a_lexicon_is_filled(language: str) -> None:
    words = lexicon(language)
    assert words is not None and len(words.months) == len(words.short_months) == 12
    assert all(len(forms) == 2 for forms in (*words.units.values(), *words.after_stroke.values()))
    assert all(len(forms) == 4 for forms in words.money.values())
    assert {*words.before_number, *words.after_number} <= set(words.abbreviations)
