"""Word lists: names, places, and above all the words that look like names and are none.

Names and places come from Faker's locales (MIT); everything else is our own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from synthgen.errors import MissingExtraError


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAME_LOCALES = words_of(
    "en_US en_GB en_IE en_NZ en_IN es_ES es_MX es_AR es_CO es_CL fr_FR de_DE de_AT it_IT pt_PT pt_BR nl_NL sv_SE no_NO "
    "da_DK fi_FI pl_PL cs_CZ sk_SK hu_HU hr_HR sl_SI ro_RO is_IS et_EE lt_LT lv_LV tr_TR id_ID vi_VN"
)
SPOKEN_LOCALES = ("en_US", "en_GB", "en_IE", "es_ES", "es_MX")
"""Whose first names are recognised without a capital, as speech recognisers write them."""
PLACE_LOCALES = words_of(
    "de_DE de_AT de_CH cs_CZ da_DK fi_FI hr_HR nl_NL pl_PL pt_PT ro_RO sl_SI sv_SE en_IN es_ES es_CL es_AR en_GB en_IE"
)

# Names that are words too: they count only beside a title, an introduction, or another part of a name.
WORDS_TOO = words_of(
    "abbey able ace adore aim ali alma amber amen an angel ann april archer art ash asia aspen august autumn ave bailey "
    "baker ball bane bank banks barber barn bass bay bean bear beau beck bee bell belle ben berry best beth bill bird "
    "bishop black blanca blank blaze blessing block blue bob bond booker booth bow bowl boy brand branch brandy brave "
    "bread brick bridge bridges bright brit brook brooks brother brow brown buck bud bull burns burn bush butler butter "
    "calm camp can candy cane cannon canon card care carol carter case cash casey cat chad chance chandler charity chase "
    "chastity cheer cherish cherry chip china christian church clay clean clear cliff close cloud coast cobb coffee cola "
    "cold cole coleman colon come conception constant cook coop cooper cope coral corn cortes costa count court crane "
    "cream crew cross crow cruz crystal curry cruel dad dale dame dan daisy dana dane darling dash day dawn dean dear "
    "dee deep delta den denim derby desire destiny diamond dick dina dive dixie do dollar dolores dot dove drake draw "
    "dream drew duke dun dusty early earl east easter ebony echo eden elder else ember emery ever eve faith fair fall "
    "farmer faith fast favor fay fear fell fern field fields fin fine finger fish fisher flint flora flower floyd fly "
    "ford forest foreman fort foster fountain fox frank freeman free french frost fuller gain gale game gamble garage "
    "garden gay gem gene genesis german gift ginger given glade glass glen glory go gold golden good goode goodman grace "
    "grand grant graves gray green grey ground grove guest guide gun guy hail hale hall ham hand hank happy hard harden "
    "hardy harmony harp harper has haven hawk hay hays haze hazel head heart heath heather heaven help henna hero hi hill "
    "hoe holder holiday holland hollow holly holmes holy home honey honor hood hook hope hopper horn hose host house how "
    "hub huge hum hunt hunter hunter hymn ice ida ill in india ink ion iris iron island israel iva ivory ivy jack jade "
    "jam jasmine jasper jean jenny jerk jet jewel jo job joe john johns jordan jose journey joy jude judge july jumper "
    "june junior justice justus kale kay keen key keys kid king kit kitty knight knot knowles laid lake lam lamb lance "
    "land lane lark lass last laurel lavender law laws lay lazy leach leaf lean lee legacy leo let levi liberty light "
    "lily lin line link lion little live liz long loop lord lore lot lotus love low lowe lucky luna lung lyric major "
    "male man manila manly many marble march mark marks marina marine mars mars marsh mary mason mass master mat max may "
    "maya mayo me mean mel melody mercedes mercy merit merry mild miles mill miller min mina mind minor mint miracle misty "
    "mister mitt mo mom mona monday moon moore moor moore moral morning mother moss mount muse mull myrtle nan nana native "
    "nat need neat nell nice nick night nine noble noel north nova oak oasis ocean olive ole opal orange orion otter out "
    "owl pace page paige pal palm palmer pam pan paris park parks parker pat patience patton paul pay paz peace peak pearl "
    "pearl penny pepper per perry pet petal phoenix pier pierce pike pine pink piper pitt pitts place plum poet pole pond "
    "pool poor pope poppy porter post potter potts power powers precious presley price pride prince princess prior prize "
    "promise prose prosper prudence pure queen quick quill quiz radio rain raven ray read reason rebel red reed reef regal "
    "reid remedy rene reno rex rice rich rick ridge riley rise river rivers rob robin rock rocky rod roger roman romance "
    "rome roots rope rosa rosary rose rosemary rosen rosy roth rowdy royal ruby rude rue rule rush rusty ruth sad sage "
    "sailor saint sal salmon salt salud sam sand sandy santa sara saul savanna sawyer scar scarlet sea seal season see "
    "self senior serena sergeant shade shady sharp shell shepherd sherry shore short sid sienna silver simple sin sister "
    "sky slim sly small smart smith smoke snow so sol song sonny soon sparks spear speed spencer spring stacy star stark "
    "steel stern stew still stone storm story street strong stuart su sue sugar summer summers sun sunday sunny sunshine "
    "sure swan sweet swift tab tan tanner taylor teal teddy temperance temple ten terra tess than thatcher thorn tide tie "
    "tiger tim time tiny todd tom toll ton tone toni top topaz torres town tracy trace tree trinity trip trout troy true "
    "trust truth tucker tulip turner twist tyler ulna una unity union unique urban usa ute val vale valentine van vanity "
    "velvet ven vera verity vein venus verse vi victor victoria victory viola violet virgin virginia virtue vista viva "
    "wade walk walker wall waller walls walter ward warden ware warner warren warrior washington water waters watt watts "
    "wave way wayne weaver webb webster weeks welch welcome well wells west wheat wheeler white whole wild wilder wiley "
    "will willow wills win wind winter winters wise wolf wonder wood woods worth wren wright wynn xi yale yarn yes york "
    "you young yule zen zeal zest zion "
    "ad al am as at be by el en es ha he ho is it la le lo ma mi my ni no of oh ok on or os pa se si ta te ti to tu un up "
    "us we yo za aid air all also and any ant arm bad bar bed bet big bit bug but cam cap car cup cut daw del dim din dip "
    "dos due ear ego end era eye far fat fee few fit for fun gas get got had her his hot hip its jaw jog joint lab leg "
    "lip log mad med men met mix mom new nil nod non nor not now nut obi odd off old one our own par past pen pie pig pit "
    "pop pot put ram ran rat raw rib rid row rub rum run sat saw say set sex she shy sit six ski sir sob son tag tap tea "
    "the toe too toy try two use vet via war was wax wet who why wig yet angela "
    "abad alba alegre amor antes bueno bravo blanco calle campo casa castro cerro clara conde corona cruz cuesta delgado "
    "dolor dulce esperanza flor fuente fuentes gallego grande guerra hombre iglesia lago leal leon lobo luz mar marina "
    "mata medina mercado meses milagros molina montes moreno nieves oliva paciente palacios paloma pan parra pastor paz "
    "pena perla piedad pilar pino pintado pozo prado primitivo puente puerta ramos reina reyes rey rico rios rocio rojo "
    "romero rosario rubio salas salud santos sierra sol soledad soto torre torres valle varon vela verdugo vega victoria "
    "vidal vila virtudes zapata mercedes remedios dolores consuelo angeles gloria concepcion trinidad caridad fe "
    "asuncion encarnacion inmaculada hoyo abril mayo junio "
    "runny harsh beta harm lady kick gerd till mile yoga bent valves bra lotta cord neo tore mist dino sole dis mate lone "
    "canal snot palmar senna aura alta manu lower kidney pets bones beer lie parts glasses bite cousin cousins gross lips "
    "basic warmer gall held pap junk die mountain cases fresh supple rails mall sales blot burger moles cruise doppler "
    "odds flowers magic brands bills plank killer hell stack rust tank cares widen fry halls lad polo hills toner org "
    "holler pant medic butcher gates priors arts looney contractor sec moody steer font priest drum guard downs lem heel "
    "hives ways outer graft gland saline pale gram split tall piano fossa cave bled boom ortho pray hone zone lens "
    "humble hole mores silly mules postal coli spina zapper bone brain skin nose mouth throat chest belly knee ankle "
    "elbow wrist shoulder tooth tongue stomach liver nerve muscle blood bladder bowel spine neck thumb finger"
)
# Of those, the ones that are names far more often than words when they are capitalised within a sentence.
NAMES_MOSTLY = words_of(
    "alma amber ann ben beth bob casey chad dan dana dolores emery floyd gene glen hank heather holly ida iris jack "
    "jasmine jean jenny joe john jordan jose kay leo levi lily liz mary maya mel mona nell nick noel pam paul perry rene "
    "rex riley rosa rosemary roth ruby ruth sam sara saul serena sherry stacy stuart sue tess tim todd tom toni tracy "
    "troy tyler val vera viola walter wayne wade violet angela bailey carol christian clara crystal dale eve faith frank "
    "grace hazel ivy jade jude june kitty lee luna marina max mercedes misty nan olive paige pat pearl penny poppy robin "
    "roger rose sally scarlet sid sonny spencer stella taylor teddy trinity victor victoria virginia willow pilar paloma "
    "carmen rocio angel pedro cruz miller smith cooper parker turner walker baker taylor palmer fisher harper mason "
    "sawyer tucker webster webb warner warren welch wheeler wright watts knowles lowe moore patton pitts potts reid "
    "coleman chandler brooks freeman goodman holmes tanner thatcher torres vega molina medina romero reyes ramos santos "
    "soto castro delgado fuentes guerra leon moreno rios rubio salas vidal zapata blanco gallego"
)

# People who gave their names to diseases, signs, tests, devices and procedures.
EPONYMS = words_of(
    "achilles addison adson alport alzheimer angelman apgar argyll arnold asherman asperger babinski bailey baker "
    "barrett barre barrett's bartholin bartonella bassini becker behcet bell bence billroth bloom bowman braden brown "
    "broca brugada brudzinski buerger burkitt bright bunnell cajal caesarean campbell carnett chagas charcot cheyne "
    "chiari chvostek colles coombs cooper corrigan coulomb creutzfeldt crohn cullen cushing dandy darier dawson "
    "delorme dercum devic dix doppler down dressler duchenne dupuytren eagle edwards ehlers eisenmenger epley epstein "
    "erb ewing fabry fallopian fallot fanconi felty finkelstein fleischner foley fordyce forrest fowler friedreich "
    "frank gardner gaucher geiger giemsa gilbert gilles glasgow goodpasture gordon gower gram graves grave grey "
    "guillain hallpike hamilton hansen hartmann hashimoto hawkins heberden heimlich henle henoch heller hickman "
    "hippel hirschsprung hodgkin hodgkins hoffman holmes holter homan homans horner horton huntington hurler jackson "
    "jakob jarisch jeghers jones kaposi kawasaki kayser kegel kelly kernig killian klinefelter klebsiella klumpke "
    "kocher koplik korotkoff korsakoff krukenberg kussmaul lachman lambert langerhans laplace legg lesch levine lewy "
    "leydig lhermitte linton lisfranc list lister littre lou ludwig lyme mallory mantoux marfan marie martin mcburney "
    "mcmurray meckel meier meige meniere meyer moebius mobitz moro morton muller munchausen murphy myerson neer nissen "
    "noonan norton osgood osler paget pap papanicolaou parinaud parkinson pautrier pel perthes peutz peyronie pfeiffer "
    "phalen pick pilates plummer pott potts pompe prader prinzmetal purkinje queckenstedt quervain quincke ramsay "
    "raynaud reed reiter rett reye richter riedel rinne romberg rorschach roth rovsing rubin salmonella salter sandifer "
    "scheuermann schatzki schilling schlatter schober schonlein scott sertoli sever sezary sheehan shirodkar sims "
    "sjogren skene snellen spurling starling stevens stokes strauss sturge sudeck sweet swan sydenham takayasu tay "
    "tietze tinel todd tourette trendelenburg treitz trousseau turner tzanck valsalva vincent virchow volkmann von "
    "waldenstrom wallenberg weber wegener wells wenckebach wernicke whipple wiedemann willebrand willis willi wilms "
    "wilson wiskott wolff wood zenker ziehl zollinger wechsler beck montreal hospice rosenthal kessler edinburgh "
    "hodgkin's hopkins dewey lund browder gleason bethesda breslow clark child pugh ranson rockall blatchford kellgren "
    "lawrence mallampati cormack lehane schirmer amsler ishihara jaeger rorschach stroop bayley denver vineland "
    "connors conners yale bristol likert cronbach kaplan cox fisher bonferroni benson bankart bristow burnett"
)
EPONYM_HEADS = words_of(
    "disease syndrome palsy sign signs test tests lymphoma sarcoma catheter score scale index scan smear phenomenon "
    "reflex tremor chorea dementia contracture gangrene esophagus oesophagus thyroiditis disorder maneuver manoeuvre "
    "procedure operation fracture tumor tumour cyst duct gland tube tubes canal ligament tendon node nodes body bodies "
    "cells cell law effect criteria classification stage stages staging grade position sling cast collar monitor pouch "
    "anemia anaemia atrophy dystrophy ataxia neuroma neuralgia paralysis hernia diverticulum ring rings plexus area "
    "aphasia encephalopathy psychosis exercise exercises virus nodule nodules lamp stain chart cognitive inventory "
    "depression questionnaire triad tetralogy malformation purpura granuloma granulomatosis splint retractor clamp "
    "forceps drain line port repair fundoplication scheme rule rules filter hypothesis breathing respiration murmur "
    "enfermedad sindrome síndrome signo test prueba escala clasificacion clasificación linfoma sarcoma sonda maniobra "
    "tumor paralisis parálisis fenomeno fenómeno contractura ulcera úlcera quiste conducto"
)

# Words that begin sentences, or carry a capital for another reason, and name nobody.
ORDINARY = words_of(
    "a about above absolutely according account across actually after afterwards again against age ago agreed ah aha all "
    "almost alone along already alright also although always am among an and another answer any anybody anyone anything "
    "anyway apart apparently are aren't around as ask asked asking assessment at away aw awesome back bad based basically "
    "be because become been before begin behind being believe below besides best better between beyond billing both bot "
    "bring brought btw busy but buy by bye call called calling calls came can can't cannot capitalized card care "
    "case cause certain certainly change changed check children chief clear clearly client clinic clinically clinician "
    "close cold come comes coming companion complaint completely concern congratulations considering continue cool "
    "correct could couldn't couple course credit currently customer daily date daughter dear deep definitely depending "
    "describe despite did didn't different discharge do doc doctor does doesn't doing don't done dont down during each "
    "early easy eat either else email end english enough especially even eventually ever every everybody everyone "
    "everything exactly excellent except excuse explain fair family fantastic far father fax feel feeling feels felt few "
    "finally find fine first follow following for found four free from front full further future general generally get "
    "gets getting girl give given giving glad go god goes going gone good goodbye got gotcha great guess guys had half "
    "happened happy hard has hasn't have haven't having he he'd he'll he's hello help her here hers hey hi high him his "
    "hm hmm hold home honestly hope hopefully hospital house how however huh husband i i'd i'll i'm i've idea if "
    "immediately impressed impression in indeed initially inside instead interesting into is isn't issues it it's its "
    "itself just keep kind know last lately later least leave left less let let's letter like likely listen little "
    "live living long look looking looks lost lot lots love low lucky ma'am made main mainly make makes making man many "
    "may maybe me mean means meanwhile medical medicine medications meet meeting men mhm might mind mine miss mister mm "
    "mmm mom moment more moreover morning most mostly mother move moving much mum must my myself name naturally near "
    "nearly necessarily need needs neither never new next nice night no nobody none nope nor normal normally not note "
    "nothing now nowhere number nurse obviously occasionally of off often oh ok okay old on once one ones only open or "
    "original other others otherwise ouch our ours out outside over overall own pain paragraph parents part past patient "
    "people per perfect perhaps person phone plan plans please plenty plus point possibly prescription present pretty "
    "previously probably problem problems promise provided put question questions quite rather read ready really reason "
    "reasonable recently regarding remember reply request rest right sad safe said same saw say saying says second see "
    "seems seen send sent seriously session set several shall she she'd she'll she's should show shouldn't sibling side "
    "signs similarly simply since sing sir sister sit sleep slowly small so social some somebody somehow someone "
    "something sometimes somewhere son soon sorry sort sounds speak speaking start started starting stay still stop "
    "stress strong subject such suddenly sure surely surgery symptoms take taken takes taking talk tell telling ten "
    "terrible than thank thankfully thanks that that'll that's thats the their theirs them then therapist therapy there "
    "there's therefore these they they'd they'll they're they've thing things think thinking third this those though "
    "thought three through throughout thus time to today together told tomorrow tonight too took totally toward tried "
    "true truly trust try trying turn two ugh uh um under understand understandable understood unfortunately unless "
    "until up upon us use used user using usually very visit vitals wait walk want wanted wants was wasn't watch way we "
    "we'd we'll we're we've week weeks welcome well went were weren't what what's whatever when where whereas where's "
    "whether which while who who's whoever whole whom whose why why's wife will with within without woman won't wonder "
    "wonderful words work working works worse would wouldn't wow write written wrong yeah year years yep yes yesterday "
    "yet you you'd you'll you're you've young your yours yourself yup zero lord jesus christ god bible google internet "
    "facebook youtube netflix zoom whatsapp instagram tv cbt phq gad ptsd ocd adhd icu ecg ekg mri ct xray bp hr iv er "
    "ed gp pcp obgyn ent copd dax dragon alexa siri covid covid-19 christmas easter thanksgiving halloween ramadan "
    "hanukkah monday tuesday wednesday thursday friday saturday sunday january february march april june july august "
    "september october november december jan feb mar apr jun jul aug sept oct nov dec spring summer autumn fall winter "
    "am pm dr mr mrs ms prof sr sra srta don dona dra tylenol advil aleve motrin aspirin ibuprofen metformin insulin "
    "lipitor zoloft prozac lexapro xanax ativan lasix plavix synthroid norvasc flonase zyrtec claritin benadryl celexa "
    "wellbutrin humira keppra eliquis coumadin lantus ventolin allegra mucinex tums pepcid nexium prilosec imodium "
    "where's when's here's dax's doc's spanish french german italian russian chinese american british european african "
    "asian latin greek mexican hispanic caucasian black white native indian jewish christian catholic muslim buddhist "
    "hindu protestant el la los las un una unos unas de del al en con por para sin sobre entre desde hasta hacia según "
    "segun tras durante se su sus no si sí que qué como cómo cuando cuándo donde dónde quien este esta estos estas ese "
    "esa eso aquel es fue era son está esta están ha han había hay ser estar tiene tras ante bajo niño niña varón varon "
    "mujer hombre paciente pacientes enfermo enferma lactante adolescente anciano joven datos informe clínico clinico "
    "exploración exploracion física analítica ecografía radiografía tac rm rmn rx tratamiento diagnóstico diagnostico "
    "evolución evolucion antecedentes motivo ingreso urgencias servicio médico medico nombre apellidos domicilio "
    "localidad provincia país pais edad sexo fecha nacimiento correo electrónico remitido responsable historia actual "
    "enfermedad hospital universitario clínica clinica centro instituto departamento unidad cirugía cirugia urología "
    "urologia medicina pediatría pediatria oftalmología oftalmologia dermatología dermatologia cardiología neurología "
    "nefrología ginecología oncología radioterapia anatomía anatomia patológica hematología traumatología "
    "calle avenida avda plaza paseo carretera camino c/ cp nhc nass cipa nºcol episodio telefono teléfono fax tel"
)
CLINICAL_ENDINGS = tuple(
    sorted(
        words_of(
            "itis osis oma emia aemia pathy algia ectomy plasty otomy scopy gram graphy ology ologist iatry iatrist pril olol "
            "statin sartan prazole oxetine ipram opram azepam zolam gliptin gliflozin cillin mycin floxacin cycline triptan "
            "thiazide dipine tidine setron tinib mab parin xaban profen codone idone apine azine ación ción sión dad mente logía "
            "grafía scopia patía emia ectomía"
        )
    )
)
ORDINARY_ENDINGS = (
    "ing",
    "tion",
    "sion",
    "ment",
    "ness",
    "ally",
    "ily",
    "able",
    "ible",
    "ful",
    "less",
    "ously",
    "'ll",
    "'ve",
    "'re",
)

TITLES = words_of(
    "mr mrs ms miss mx dr doctor prof professor sir madam nurse father sister reverend rev judge officer sgt captain "
    "señor señora señorita sr sra srta dra doctora don doña dña d dª"
)
WEAK_TITLES = words_of("doctor nurse father sister miss professor judge officer captain don sir d")
"""Titles that are also said alone; the next word must look like a name by itself where nothing is capitalised."""

PARTICLES = words_of("de del la las los van von der den di da do dos das du le y e i al el bin ibn ter ten mc mac")

KIN = words_of(
    "son daughter husband wife brother sister mother father mom mum dad kid child friend girlfriend boyfriend partner "
    "fiance fiancee boss colleague coworker neighbour neighbor uncle aunt cousin nephew niece grandson granddaughter "
    "grandmother grandfather roommate ex dog cat hijo hija marido esposa hermano hermana madre padre amigo amiga"
)

COUNTRIES_TOO = words_of(
    "usa u.s. u.s.a. us uk u.k. england scotland wales britain america russia south korea north korea vietnam iran syria "
    "taiwan czechia czech republic holland burma turkey macedonia uae eeuu ee.uu. españa francia alemania italia "
    "inglaterra reino unido estados unidos méxico perú brasil marruecos rumanía rusia china japón suiza bélgica "
    "holanda ecuador bolivia colombia venezuela argentina chile cuba portugal uruguay paraguay nicaragua honduras "
    "guatemala panamá dominicana ucrania polonia suecia noruega dinamarca grecia turquía india pakistán senegal ghana "
    "nigeria argelia túnez egipto"
)
CITIES = frozenset(
    [
        "london",
        "paris",
        "berlin",
        "madrid",
        "barcelona",
        "rome",
        "milan",
        "naples",
        "venice",
        "florence",
        "vienna",
        "prague",
        "budapest",
        "warsaw",
        "moscow",
        "kiev",
        "kyiv",
        "istanbul",
        "athens",
        "lisbon",
        "dublin",
        "edinburgh",
        "glasgow",
        "cardiff",
        "belfast",
        "manchester",
        "liverpool",
        "leeds",
        "sheffield",
        "bristol",
        "birmingham",
        "newcastle",
        "nottingham",
        "leicester",
        "oxford",
        "cambridge",
        "brighton",
        "southampton",
        "york",
        "bath",
        "norwich",
        "exeter",
        "plymouth",
        "amsterdam",
        "rotterdam",
        "brussels",
        "antwerp",
        "zurich",
        "geneva",
        "basel",
        "munich",
        "hamburg",
        "frankfurt",
        "cologne",
        "stuttgart",
        "copenhagen",
        "stockholm",
        "gothenburg",
        "oslo",
        "bergen",
        "helsinki",
        "reykjavik",
        "tallinn",
        "riga",
        "vilnius",
        "bucharest",
        "sofia",
        "belgrade",
        "zagreb",
        "new york",
        "new york city",
        "los angeles",
        "chicago",
        "houston",
        "phoenix",
        "philadelphia",
        "san antonio",
        "san diego",
        "dallas",
        "san jose",
        "austin",
        "jacksonville",
        "fort worth",
        "columbus",
        "charlotte",
        "san francisco",
        "indianapolis",
        "seattle",
        "denver",
        "boston",
        "el paso",
        "nashville",
        "detroit",
        "oklahoma city",
        "portland",
        "las vegas",
        "memphis",
        "louisville",
        "baltimore",
        "milwaukee",
        "albuquerque",
        "tucson",
        "fresno",
        "sacramento",
        "kansas city",
        "mesa",
        "atlanta",
        "omaha",
        "colorado springs",
        "raleigh",
        "miami",
        "long beach",
        "virginia beach",
        "oakland",
        "minneapolis",
        "tulsa",
        "tampa",
        "arlington",
        "new orleans",
        "wichita",
        "cleveland",
        "bakersfield",
        "aurora",
        "anaheim",
        "honolulu",
        "santa ana",
        "riverside",
        "corpus christi",
        "lexington",
        "stockton",
        "st louis",
        "st. louis",
        "saint paul",
        "cincinnati",
        "pittsburgh",
        "anchorage",
        "greensboro",
        "orlando",
        "newark",
        "buffalo",
        "plano",
        "irvine",
        "jersey city",
        "chandler",
        "fort wayne",
        "brooklyn",
        "manhattan",
        "queens",
        "the bronx",
        "bronx",
        "staten island",
        "harlem",
        "hollywood",
        "cape cod",
        "salt lake city",
        "boise",
        "spokane",
        "tacoma",
        "des moines",
        "richmond",
        "baton rouge",
        "birmingham",
        "rochester",
        "syracuse",
        "albany",
        "hartford",
        "providence",
        "burlington",
        "concord",
        "trenton",
        "dover",
        "annapolis",
        "charleston",
        "savannah",
        "montgomery",
        "jackson",
        "little rock",
        "springfield",
        "lincoln",
        "topeka",
        "sioux falls",
        "fargo",
        "bismarck",
        "helena",
        "cheyenne",
        "santa fe",
        "toronto",
        "montreal",
        "vancouver",
        "calgary",
        "ottawa",
        "edmonton",
        "winnipeg",
        "quebec",
        "halifax",
        "mexico city",
        "guadalajara",
        "tijuana",
        "cancun",
        "havana",
        "bogota",
        "medellin",
        "lima",
        "quito",
        "caracas",
        "santiago",
        "buenos aires",
        "montevideo",
        "rio de janeiro",
        "sao paulo",
        "brasilia",
        "porto alegre",
        "tokyo",
        "osaka",
        "kyoto",
        "seoul",
        "beijing",
        "shanghai",
        "hong kong",
        "taipei",
        "bangkok",
        "singapore",
        "jakarta",
        "manila",
        "hanoi",
        "saigon",
        "delhi",
        "new delhi",
        "mumbai",
        "kolkata",
        "chennai",
        "bangalore",
        "hyderabad",
        "karachi",
        "lahore",
        "dhaka",
        "kathmandu",
        "kabul",
        "tehran",
        "baghdad",
        "dubai",
        "abu dhabi",
        "riyadh",
        "jerusalem",
        "tel aviv",
        "beirut",
        "damascus",
        "amman",
        "cairo",
        "alexandria",
        "casablanca",
        "tunis",
        "algiers",
        "lagos",
        "accra",
        "nairobi",
        "kampala",
        "addis ababa",
        "johannesburg",
        "cape town",
        "durban",
        "sydney",
        "melbourne",
        "brisbane",
        "perth",
        "adelaide",
        "auckland",
        "wellington",
        "christchurch",
        "hawaii",
        "florida keys",
        "long island",
        "silicon valley",
        "bay area",
        "washington dc",
        "washington d.c.",
        "sevilla",
        "seville",
        "valencia",
        "zaragoza",
        "málaga",
        "murcia",
        "palma",
        "palma de mallorca",
        "bilbao",
        "alicante",
        "córdoba",
        "valladolid",
        "vigo",
        "gijón",
        "oviedo",
        "hospitalet",
        "la coruña",
        "coruña",
        "a coruña",
        "granada",
        "vitoria",
        "elche",
        "santa cruz",
        "santa cruz de tenerife",
        "badalona",
        "cartagena",
        "terrassa",
        "jerez",
        "sabadell",
        "móstoles",
        "alcalá",
        "alcalá de henares",
        "pamplona",
        "fuenlabrada",
        "almería",
        "leganés",
        "san sebastián",
        "donostia",
        "burgos",
        "albacete",
        "santander",
        "castellón",
        "la laguna",
        "logroño",
        "badajoz",
        "salamanca",
        "huelva",
        "lleida",
        "lérida",
        "tarragona",
        "león",
        "cádiz",
        "jaén",
        "orense",
        "ourense",
        "reus",
        "girona",
        "gerona",
        "lugo",
        "santiago de compostela",
        "cáceres",
        "melilla",
        "ceuta",
        "getafe",
        "alcorcón",
        "parla",
        "toledo",
        "guadalajara",
        "cuenca",
        "ávila",
        "segovia",
        "soria",
        "teruel",
        "huesca",
        "palencia",
        "zamora",
        "pontevedra",
        "ferrol",
        "barakaldo",
        "getxo",
        "la habana",
        "ciudad de méxico",
        "bogotá",
        "medellín",
        "rosario",
        "mendoza",
        "valparaíso",
        "concepción",
    ]
)
NATIONALITIES = words_of(
    "afghan albanian algerian american argentinian argentine armenian australian austrian bangladeshi belarusian belgian "
    "bolivian bosnian brazilian british bulgarian cambodian cameroonian canadian chilean chinese colombian congolese "
    "croatian cuban cypriot czech danish dominican dutch ecuadorian egyptian english eritrean estonian ethiopian "
    "filipino finnish french georgian german ghanaian greek greenlander guatemalan haitian honduran hungarian icelandic "
    "indian indonesian iranian iraqi irish israeli italian ivorian jamaican japanese jordanian kazakh kenyan korean "
    "kurdish kuwaiti laotian latvian lebanese libyan lithuanian malaysian mexican moldovan mongolian moroccan nepalese "
    "nicaraguan nigerian norwegian pakistani palestinian panamanian paraguayan peruvian polish portuguese puerto romanian "
    "russian rwandan salvadoran saudi scottish senegalese serbian singaporean slovak slovenian slovene somali spanish "
    "sudanese swedish swiss syrian taiwanese tanzanian thai tunisian turkish ugandan ukrainian uruguayan venezuelan "
    "vietnamese welsh yemeni zambian zimbabwean spaniard scot swede dane finn turk pole serb croat"
)


@dataclass(frozen=True)
class Lexicon:
    """Names and places, case-folded and without accents.

    Attributes:
        female, male: given names by gender, as they are written, for surrogates.
    """

    given: frozenset[str]
    spoken: frozenset[str]
    family: frozenset[str]
    places: frozenset[str]
    countries: frozenset[str]


def folded(word: str) -> str:
    """Lower case without accents, so that "Garc\u00eda" and "garcia" are one name."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("\u2019", "'")


def ordinary(word: str) -> bool:
    """Whether a word is one of the language rather than a name; ``word`` in lower case."""
    stem = word.removesuffix("'s").removesuffix("\u2019s")
    return (
        word in ORDINARY
        or stem in ORDINARY
        or stem in _faker_words()
        or word.endswith(ORDINARY_ENDINGS)
        or (len(stem) > 6 and stem.endswith(CLINICAL_ENDINGS))
    )


@cache
def lexicon() -> Lexicon:
    """Gathered from Faker's locales, once.

    Raises:
        MissingExtraError: Faker is not installed.
    """
    given, spoken, family = set[str](), set[str](), set[str]()
    for locale in sorted(NAME_LOCALES):
        first, last = _names_of(locale)
        given |= first
        family |= last
        if locale in SPOKEN_LOCALES:
            spoken |= {name for name in first if len(name) > 2}
    places = {folded(city) for city in CITIES}
    for locale in PLACE_LOCALES:
        for kind in ("cities", "states", "communes", "provinces", "counties"):
            places |= {folded(place) for place in _listed("address", locale, kind)}
    countries = {folded(name) for name in (*_listed("address", "en", "countries"), *COUNTRIES_TOO)}
    for locale in ("en_US", "es_ES"):
        countries |= {folded(name) for kind in ("countries", "regions") for name in _listed("address", locale, kind)}
    countries |= {folded(state) for state in _listed("address", "en_US", "states")}
    return Lexicon(
        given=frozenset(given),
        spoken=frozenset(name for name in spoken if name not in WORDS_TOO and name not in ORDINARY),
        family=frozenset(family),
        places=frozenset(place for place in places if len(place) > 2 and place not in WORDS_TOO | ORDINARY),
        countries=frozenset(countries),
    )


def _names_of(locale: str) -> tuple[set[str], set[str]]:
    first, last = set[str](), set[str]()
    for kind, names in (("first_name", first), ("last_name", last)):
        for name in _listed("person", locale, kind):
            names.update(folded(part) for part in name.split() if len(part) > 1)
    particles = PARTICLES | {"-"}
    return first - particles, last - particles


def _listed(provider: str, locale: str, prefix: str) -> Iterable[str]:
    """Every string in the lists of a Faker provider whose names begin with ``prefix``."""
    try:
        module = import_module(f"faker.providers.{provider}.{locale}")
    except ModuleNotFoundError as error:
        if error.name == "faker":
            raise MissingExtraError("the identifier rule", "dialogue") from None
        return
    for name, value in vars(module.Provider).items():
        if (
            name.startswith(prefix)
            and not name.endswith(("formats", "abbr"))
            and isinstance(value, tuple | list | dict)
        ):
            yield from (entry if isinstance(entry, str) else entry[-1] for entry in value)


@cache
def _faker_words() -> frozenset[str]:
    lists = [_listed("lorem", locale, "word_list") for locale in ("en_US", "es_ES")]
    return frozenset(word for words in lists for word in words if word not in _NAMES_AMONG_WORDS)


_NAMES_AMONG_WORDS = words_of("carmen jose juan maria luis antonio francisco pedro jesus manuel miguel")
