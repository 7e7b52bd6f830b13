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
    """The words of a list that is written as text."""
    return frozenset(text.split())


def phrases_of(text: str) -> frozenset[str]:
    """The phrases of a list that is written as text, with bars between them."""
    return frozenset(text.split("|"))


NAME_LOCALES = words_of(
    "en_US en_GB en_IE en_NZ en_IN es_ES es_MX es_AR es_CO es_CL fr_FR de_DE de_AT it_IT pt_PT pt_BR nl_NL sv_SE "
    "no_NO da_DK fi_FI pl_PL cs_CZ sk_SK hu_HU hr_HR sl_SI ro_RO is_IS et_EE lt_LT lv_LV tr_TR id_ID vi_VN"
)
SPOKEN_LOCALES = ("en_US", "en_GB", "en_IE", "es_ES", "es_MX")
"""Whose first names are recognised without a capital, as speech recognisers write them."""
PLACE_LOCALES = words_of(
    "de_DE de_AT de_CH cs_CZ da_DK fi_FI hr_HR nl_NL pl_PL pt_PT ro_RO sl_SI sv_SE en_IN es_ES es_CL es_AR en_GB en_IE"
)

# Names that are words too: they count only beside a title, an introduction, or another part of a name.
WORDS_TOO = words_of(
    "abad abbey able abril ace ad adore aid aim air al alba alegre ali all alma also alta am amber amen amor an "
    "and angel angeles ankle ant antes any april archer arm art arts as ash asia aspen asuncion at august aura "
    "autumn ave bad bailey baker ball bane bank banks bar barber barn basic bass bay be bean bear beau beck bed "
    "bee beer bell belle belly bent berry best bet beta big bill bills bird bishop bit bite black bladder blanca "
    "blanco blank blaze bled blessing block blood blot blue bond bone bones booker boom booth bow bowel bowl boy "
    "bra brain branch brand brands brandy brave bravo bread brick bridge bridges bright brit brook brooks brother "
    "brow brown buck bud bueno bug bull burger burn burns bush but butcher butler butter by calle calm cam camp "
    "campo can canal candy cane cannon canon cap car card care cares caridad carol carter casa case cases cash "
    "castro cat cave cerro chance chandler charity chase chastity cheer cherish cherry chest china chip christian "
    "church clara clay clean clear cliff close cloud coast cobb coffee cola cold cole coleman coli colon come "
    "concepcion conception conde constant consuelo contractor cook coop cooper cope coral cord corn corona cortes "
    "costa count court cousin cousins crane cream crew cross crow cruel cruise cruz crystal cuesta cup curry cut "
    "dad daisy dale dame dane darling dash daw dawn day dean dear dee deep del delgado delta den denim derby "
    "desire destiny diamond dick die dim din dina dino dip dis dive dixie do dollar dolor dolores doppler dos dot "
    "dove downs drake draw dream drew drum due duke dulce dun dusty ear earl early east easter ebony echo eden ego "
    "el elbow elder else ember emery en encarnacion end era es esperanza eve ever eye fair faith fall far farmer "
    "fast fat favor fay fe fear fee fell fern few field fields fin fine finger fish fisher fit flint flor flora "
    "flower flowers fly font for ford foreman forest fort fossa foster fountain fox frank free freeman french "
    "fresh frost fry fuente fuentes fuller fun gain gale gall gallego gamble game garage garden gas gates gay gem "
    "gene genesis gerd german get gift ginger given glade gland glass glasses glen glory go gold golden good goode "
    "goodman got grace graft gram grand grande grant graves gray green grey gross ground grove guard guerra guest "
    "guide gun guy ha had hail hale hall halls ham hand happy hard harden hardy harm harmony harp harper harsh has "
    "haven hawk hay hays haze hazel he head heart heath heather heaven heel held hell help henna her hero hi hill "
    "hills hip his hives ho hoe holder hole holiday holland holler hollow holly holmes holy hombre home hone honey "
    "honor hood hook hope hopper horn hose host hot house how hoyo hub huge hum humble hunt hunter hymn ice "
    "iglesia ill in india ink inmaculada ion iris iron is island israel it its iva ivory ivy jade jam jasper jaw "
    "jerk jet jewel jo job jog johns joint jordan journey joy jude judge july jumper june junio junior junk "
    "justice justus kale kay keen key keys kick kid kidney killer king kit kitty knee knight knot knowles la lab "
    "lad lady lago laid lake lam lamb lance land lane lark lass last laurel lavender law laws lay lazy le leach "
    "leaf leal lean lee leg legacy lem lens leon let liberty lie light lin line link lion lip lips little live "
    "liver lo lobo log lone long looney loop lord lore lot lotta lotus love low lowe lower lucky luna lung luz "
    "lyric ma mad magic major male mall man manila manly manu many mar marble march marina marine mark marks mars "
    "marsh mason mass master mat mata mate max may maya mayo me mean med medic medina mel melody men mercado "
    "mercedes mercy merit merry meses met mi milagros mild mile miles mill miller min mina mind minor mint miracle "
    "mist mister misty mitt mix mo moles molina mom monday montes moody moon moor moore moral moreno mores morning "
    "moss mother mount mountain mouth mules mull muscle muse my myrtle nan nana nat native neat neck need nell neo "
    "nerve new ni nice nick nieves night nil nine no noble nod noel non nor north nose not nova now nut oak oasis "
    "obi ocean odd odds of off oh ok old ole oliva olive on one opal or orange org orion ortho os otter our out "
    "outer owl own pa pace paciente page paige pal palacios pale palm palmar palmer paloma pan pant pap par paris "
    "park parker parks parra parts past pastor pat patience patton pay paz peace peak pearl pen pena penny pepper "
    "per perla pet petal pets phoenix piano pie piedad pier pierce pig pike pilar pine pink pino pintado piper pit "
    "pitt pitts place plank plum poet pole polo pond pool poor pop pope poppy porter post postal pot potter potts "
    "power powers pozo prado pray precious presley price pride priest primitivo prince princess prior priors prize "
    "promise prose prosper prudence puente puerta pure put queen quick quill quiz radio rails rain ram ramos ran "
    "rat raven raw ray read reason rebel red reed reef regal reid reina remedios remedy rene reno rex rey reyes "
    "rib rice rich rick rico rid ridge riley rios rise river rivers rob robin rocio rock rocky rod rojo roman "
    "romance rome romero roots rope rosa rosario rosary rose rosemary rosen rosy roth row rowdy royal rub rubio "
    "ruby rude rue rule rum run runny rush rust rusty sad sage sailor saint sal salas sales saline salmon salt "
    "salud sam sand sandy santa santos sat savanna saw sawyer say scar scarlet se sea seal season sec see self "
    "senior senna sergeant set sex shade shady sharp she shell shepherd shore short shoulder shy si sid sienna "
    "sierra silly silver simple sin sir sister sit six ski skin sky slim sly small smart smith smoke snot snow so "
    "sob sol sole soledad son song sonny soon soto sparks spear speed spencer spina spine split spring stack star "
    "stark steel steer stern stew still stomach stone storm story street strong su sue sugar summer summers sun "
    "sunday sunny sunshine supple sure swan sweet swift ta tab tag tall tan tank tanner tap taylor te tea teal "
    "teddy temperance temple ten terra tess than thatcher the thorn throat thumb ti tide tie tiger till tim time "
    "tiny to toe toll ton tone toner tongue too tooth top topaz tore torre torres town toy trace tree trinidad "
    "trinity trip trout true trust truth try tu tucker tulip turner twist two ulna un una union unique unity up "
    "urban us usa use ute val vale valentine valle valves van vanity varon vega vein vela velvet ven venus vera "
    "verdugo verity verse vet vi via victory vidal vila viola violet virgin virginia virtudes virtue vista viva "
    "wade walk walker wall waller walls war ward warden ware warmer warner warren warrior was washington water "
    "waters watt watts wave wax way ways we weaver webb webster weeks welch welcome well wells west wet wheat "
    "wheeler white who whole why widen wig wild wilder wiley will willow wills win wind winter winters wise wolf "
    "wonder wood woods worth wren wright wrist wynn xi yale yarn yes yet yo yoga york you young yule za zapata "
    "zapper zeal zen zest zion zone"
)
# Of those, the ones that are names far more often than words when they are capitalised within a sentence.
NAMES_MOSTLY = words_of(
    "alma amber angel angela ann bailey baker ben beth blanco bob brooks carmen carol casey castro chad chandler "
    "christian clara coleman cooper cruz crystal dale dan dana delgado dolores emery eve faith fisher floyd frank "
    "freeman fuentes gallego gene glen goodman grace guerra hank harper hazel heather holly holmes ida iris ivy jack "
    "jade jasmine jean jenny joe john jordan jose jude june kay kitty knowles lee leo leon levi lily liz lowe luna "
    "marina mary mason max maya medina mel mercedes miller misty molina mona moore moreno nan nell nick noel olive "
    "paige palmer paloma pam parker pat patton paul pearl pedro penny perry pilar pitts poppy potts ramos reid rene "
    "rex reyes riley rios robin rocio roger romero rosa rose rosemary roth rubio ruby ruth salas sally sam santos "
    "sara saul sawyer scarlet serena sherry sid smith sonny soto spencer stacy stella stuart sue tanner taylor teddy "
    "tess thatcher tim todd tom toni torres tracy trinity troy tucker turner tyler val vega vera victor victoria "
    "vidal viola violet virginia wade walker walter warner warren watts wayne webb webster welch wheeler willow "
    "wright zapata"
)

# People who gave their names to diseases, signs, tests, devices and procedures.
EPONYMS = words_of(
    "achilles addison adson alport alzheimer amsler angelman apgar argyll arnold asherman asperger babinski bailey "
    "baker bankart barre barrett barrett's bartholin bartonella bassini bayley beck becker behcet bell bence benson "
    "bethesda billroth blatchford bloom bonferroni bowman braden breslow bright bristol bristow broca browder brown "
    "brudzinski brugada buerger bunnell burkitt burnett caesarean cajal campbell carnett chagas charcot cheyne "
    "chiari child chvostek clark colles conners connors coombs cooper cormack corrigan coulomb cox creutzfeldt crohn "
    "cronbach cullen cushing dandy darier dawson delorme denver dercum devic dewey dix doppler down dressler "
    "duchenne dupuytren eagle edinburgh edwards ehlers eisenmenger epley epstein erb ewing fabry fallopian fallot "
    "fanconi felty finkelstein fisher fleischner foley fordyce forrest fowler frank friedreich gardner gaucher "
    "geiger giemsa gilbert gilles glasgow gleason goodpasture gordon gower gram grave graves grey guillain hallpike "
    "hamilton hansen hartmann hashimoto hawkins heberden heimlich heller henle henoch hickman hippel hirschsprung "
    "hodgkin hodgkin's hodgkins hoffman holmes holter homan homans hopkins horner horton hospice huntington hurler "
    "ishihara jackson jaeger jakob jarisch jeghers jones kaplan kaposi kawasaki kayser kegel kellgren kelly kernig "
    "kessler killian klebsiella klinefelter klumpke kocher koplik korotkoff korsakoff krukenberg kussmaul lachman "
    "lambert langerhans laplace lawrence legg lehane lesch levine lewy leydig lhermitte likert linton lisfranc list "
    "lister littre lou ludwig lund lyme mallampati mallory mantoux marfan marie martin mcburney mcmurray meckel "
    "meier meige meniere meyer mobitz moebius montreal moro morton muller munchausen murphy myerson neer nissen "
    "noonan norton osgood osler paget pap papanicolaou parinaud parkinson pautrier pel perthes peutz peyronie "
    "pfeiffer phalen pick pilates plummer pompe pott potts prader prinzmetal pugh purkinje queckenstedt quervain "
    "quincke ramsay ranson raynaud reed reiter rett reye richter riedel rinne rockall romberg rorschach rosenthal "
    "roth rovsing rubin salmonella salter sandifer schatzki scheuermann schilling schirmer schlatter schober "
    "schonlein scott sertoli sever sezary sheehan shirodkar sims sjogren skene snellen spurling starling stevens "
    "stokes strauss stroop sturge sudeck swan sweet sydenham takayasu tay tietze tinel todd tourette treitz "
    "trendelenburg trousseau turner tzanck valsalva vincent vineland virchow volkmann von waldenstrom wallenberg "
    "weber wechsler wegener wells wenckebach wernicke whipple wiedemann willebrand willi willis wilms wilson wiskott "
    "wolff wood yale zenker ziehl zollinger"
)
EPONYM_HEADS = words_of(
    "anaemia anemia aphasia area ataxia atrophy bodies body breathing canal cast catheter cell cells chart chorea "
    "clamp clasificacion clasificación classification cognitive collar conducto contractura contracture criteria "
    "cyst dementia depression disease disorder diverticulum drain duct dystrophy effect encephalopathy enfermedad "
    "escala esophagus exercise exercises fenomeno fenómeno filter forceps fracture fundoplication gangrene gland "
    "grade granuloma granulomatosis hernia hypothesis index inventory lamp law ligament line linfoma lymphoma "
    "malformation maneuver maniobra manoeuvre monitor murmur neuralgia neuroma node nodes nodule nodules oesophagus "
    "operation palsy paralisis paralysis parálisis phenomenon plexus port position pouch procedure prueba psychosis "
    "purpura questionnaire quiste reflex repair respiration retractor ring rings rule rules sarcoma scale scan "
    "scheme score sign signo signs sindrome sling smear sonda splint stage stages staging stain syndrome síndrome "
    "tendon test tests tetralogy thyroiditis tremor triad tube tubes tumor tumour ulcera virus úlcera"
)

# Words that begin sentences, or carry a capital for another reason, and name nobody.
ORDINARY = words_of(
    "amex mastercard visa "
    "fifty twenty thirty forty sixty seventy eighty ninety hundred thousand four five seven eight nine eleven twelve "
    "a about above absolutely according account across actual actually adhd adolescente advil african after "
    "afterwards again against age ago agreed ah aha al aleve alexa all allegra almost alone along already alright "
    "also although always am american among an analítica anatomia anatomía anciano and another answer ante "
    "antecedentes any anybody anyone anything anyway apart apellidos apparently apr april aquel are aren't around as "
    "asian ask asked asking aspirin assessment at ativan aug august autumn avda avenida aw away awesome back bad "
    "bajo based basically be because become been before begin behind being believe below benadryl besides best "
    "better between beyond bible billing black bot both bp bring british brought btw buddhist busy but buy by bye c/ "
    "call calle called calling calls came camino can can't cannot capitalized card cardiología care carretera case "
    "catholic caucasian cause cbt celexa centro certain certainly change changed check chief children chinese christ "
    "christian christmas cipa cirugia cirugía claritin clear clearly client clinic clinica clinically clinician "
    "clinico close clínica clínico cold come comes coming como companion complaint completely con concern "
    "congratulations considering continue cool copd correct correo could couldn't coumadin couple course covid "
    "covid-19 cp credit ct cuando currently customer cuándo cómo daily date datos daughter dax dax's de dear dec "
    "december deep definitely del departamento depending dermatologia dermatología describe desde despite "
    "diagnostico diagnóstico did didn't different discharge do doc doc's doctor does doesn't doing domicilio don "
    "don't dona donde done dont down dr dra dragon durante during dónde each early easter easy eat ecg ecografía ed "
    "edad either ekg el electrónico eliquis else email en end enferma enfermedad enfermo english enough ent entre "
    "episodio er era es esa ese eso especially esta estar estas este estos está están european even eventually ever "
    "every everybody everyone everything evolucion evolución exactly excellent except excuse explain exploracion "
    "exploración facebook fair fall family fantastic far father fax feb february fecha feel feeling feels felt few "
    "finally find fine first flonase follow following for found four free french friday from front fue full further "
    "future física gad general generally german get gets getting ginecología girl give given giving glad go god goes "
    "going gone good goodbye google got gotcha gp great greek guess guys ha había hacia had half halloween han "
    "hanukkah happened happy hard has hasn't hasta have haven't having hay he he'd he'll he's hello help hematología "
    "her here here's hers hey hi high him hindu his hispanic historia hm hmm hold hombre home honestly hope "
    "hopefully hospital house how however hr huh humira husband i i'd i'll i'm i've ibuprofen icu idea if "
    "immediately imodium impressed impression in indeed indian informe ingreso initially inside instagram instead "
    "instituto insulin interesting internet into is isn't issues it it's italian its itself iv jan january jesus "
    "jewish joven jul july jun june just keep keppra kind know la lactante lantus las lasix last lately later latin "
    "least leave left less let let's letter lexapro like likely lipitor listen little live living localidad long "
    "look looking looks lord los lost lot lots love low lucky ma'am made main mainly make makes making man many mar "
    "march may maybe me mean means meanwhile medical medications medicina medicine medico meet meeting men metformin "
    "mexican mhm might mind mine miss mister mm mmm mom moment monday more moreover morning most mostly mother "
    "motivo motrin move moving mr mri mrs ms much mucinex mujer mum muslim must my myself médico nacimiento name "
    "nass native naturally near nearly necessarily need needs nefrología neither netflix neurología never new nexium "
    "next nhc nice night niña niño no nobody nombre none nope nor normal normally norvasc not note nothing nov "
    "november now nowhere number nurse nºcol obgyn obviously occasionally ocd oct october of off oftalmologia "
    "oftalmología often oh ok okay old on once oncología one ones only open or original other others otherwise ouch "
    "our ours out outside over overall own paciente pacientes pain pais para paragraph parents part paseo past "
    "patient patológica país pcp pediatria pediatría people pepcid per perfect perhaps person phone phq plan plans "
    "plavix plaza please plenty plus pm point por possibly prescription present pretty previously prilosec probably "
    "problem problems prof promise protestant provided provincia prozac ptsd put que question questions quien quite "
    "qué radiografía radioterapia ramadan rather read ready really reason reasonable recently regarding remember "
    "remitido reply request responsable rest right rm rmn russian rx sad safe said same saturday saw say saying says "
    "se second see seems seen segun según send sent sept september ser seriously servicio session set several sexo "
    "shall she she'd she'll she's should shouldn't show si sibling side signs similarly simply sin since sing sir "
    "siri sister sit sleep slowly small so sobre social some somebody somehow someone something sometimes somewhere "
    "son soon sorry sort sounds spanish speak speaking spring sr sra srta start started starting stay still stop "
    "stress strong su subject such suddenly summer sunday sure surely surgery sus symptoms synthroid sí tac take "
    "taken takes taking talk tel telefono tell telling teléfono ten terrible than thank thankfully thanks "
    "thanksgiving that that'll that's thats the their theirs them then therapist therapy there there's therefore "
    "these they they'd they'll they're they've thing things think thinking third this those though thought three "
    "through throughout thursday thus tiene time to today together told tomorrow tonight too took totally toward "
    "tras tratamiento traumatología tried true truly trust try trying tuesday tums turn tv two tylenol ugh uh um un "
    "una unas under understand understandable understood unfortunately unidad universitario unless unos until up "
    "upon urgencias urologia urología us use used user using usually varon varón ventolin very visit vitals wait "
    "walk want wanted wants was wasn't watch way we we'd we'll we're we've wednesday week weeks welcome well "
    "wellbutrin went were weren't what what's whatever whatsapp when when's where where's whereas whether which "
    "while white who who's whoever whole whom whose why why's wife will winter with within without woman won't "
    "wonder wonderful words work working works worse would wouldn't wow write written wrong xanax xray yeah year "
    "years yep yes yesterday yet you you'd you'll you're you've young your yours yourself youtube yup zero zoloft "
    "zoom zyrtec"
)
CLINICAL_ENDINGS = tuple(
    sorted(
        words_of(
            "itis osis oma emia aemia pathy algia ectomy plasty otomy scopy gram graphy ology ologist iatry iatrist "
            "pril olol statin sartan prazole oxetine ipram opram azepam zolam gliptin gliflozin cillin mycin floxacin "
            "cycline triptan thiazide dipine tidine setron tinib mab parin xaban profen codone idone apine azine ación "
            "ción sión dad mente logía grafía scopia patía ectomía"
        )
    )
)
# Brand names of medicines, which carry capitals like names do.
MEDICINES = words_of(
    "abilify accutane actos adalat adderall advair advil afib afrin albuterol aldactone aleve allegra altace "
    "amaryl ambien amoxil androgel aricept arimidex aspirin atarax ativan atrovent augmentin avandia avapro "
    "azmacort bactrim beclo benadryl benicar benzaclin betapace bextra biaxin botox breo buspar bystolic caduet "
    "calan cardizem cardura catapres celebrex celexa cetaphil chantix cialis cipro clarinex claritin climara "
    "clinoril clonidine cogentin colace combivent compazine concerta coreg corgard cortef cortone coumadin cozaar "
    "crestor cyberknife cyklokapron cylert cymbalta cytomel darvocet decadron demerol depakote depo-provera "
    "desyrel detrol dexedrine diflucan dilantin dilaudid diovan ditropan dopamine dosepak dramamine duragesic "
    "effexor elavil eliquis enbrel entresto epipen equagesic estrace evista excedrin exelon farxiga femara "
    "fentanyl fioricet flagyl flexeril flomax flonase flovent focalin fosamax geodon gleevec glucophage glucotrol "
    "haldol humalog humira humulin hytrin hyzaar imdur imitrex imodium inderal indocin insulin invokana januvia "
    "jardiance keflex kenalog keppra klonopin lamictal lamisil lanoxin lantus lasix lescol levaquin levemir "
    "levitra levoxyl lexapro librium lidoderm lipitor lithium lomotil lopressor lorazepam lortab lotensin lotrel "
    "lovenox lunesta luvox lyrica macrobid maxalt maxzide medrol metamucil methadone mevacor micardis miralax "
    "mirapex mobic motrin mucinex mylanta naprosyn nasonex neosporin neurontin nexium niaspan nicorette nitrostat "
    "norco normodyne norvasc novolog nsaid nsaids nuvaring obstetrician omnicef ortho oxycontin ozempic pacerone "
    "pamelor paxil pepcid percocet peridex phenergan plaquenil plavix pravachol prednisone prevacid prilosec "
    "prinivil pristiq procardia prograf prolixin propecia proscar protonix proventil provera provigil prozac "
    "pulmicort reglan remeron remicade requip restasis restoril retin-a risperdal ritalin robaxin robitussin "
    "roxicodone seroquel sertraline sinemet singulair skelaxin soma spiriva stelara strattera suboxone subutex "
    "sudafed symbicort synthroid tagamet tamiflu tegretol tenormin thorazine timoptic tofranil topamax toprol "
    "toradol tramadol trazodone tricor trileptal trulicity tums tussionex tylenol uroxatral valium valtrex "
    "vaseline vasotec ventolin vesicare viagra vicks vicodin victoza vioxx viread vistaril vitamin vytorin vyvanse "
    "warfarin wellbutrin xalatan xanax xarelto xeloda xolair xopenex yasmin zanaflex zantac zaroxolyn zestoretic "
    "zestril zetia ziac zithromax zocor zofran zoloft zomig zovirax zyban zyloprim zyprexa zyrtec zyvox"
)
ORDINARY_ENDINGS = (
    "ing",
    "tion",
    "sion",
    "ment",
    "ments",
    "tions",
    "ional",
    "ory",
    "ature",
    "eletal",
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
    "son daughter husband wife brother sister mother father mom mum dad kid child friend girlfriend boyfriend "
    "partner fiance fiancee boss colleague coworker neighbour neighbor uncle aunt cousin nephew niece grandson "
    "granddaughter grandmother grandfather roommate ex dog cat hijo hija marido esposa hermano hermana madre padre "
    "amigo amiga"
)

COUNTRIES_TOO = phrases_of(
    "usa|u.s.|u.s.a.|us|uk|u.k.|england|scotland|wales|britain|great britain|america|russia|south korea|north korea|"
    "korea|vietnam|iran|syria|taiwan|czechia|czech republic|holland|burma|turkey|macedonia|united kingdom|"
    "united states|eeuu|ee.uu.|ee. uu.|españa|francia|alemania|italia|inglaterra|reino unido|estados unidos|méxico|"
    "perú|brasil|marruecos|rumanía|rusia|japón|suiza|bélgica|república dominicana|panamá|ucrania|polonia|suecia|"
    "noruega|dinamarca|grecia|turquía|pakistán|argelia|túnez|egipto|reino de españa|spain|venezuela|cuba"
)
CITIES = phrases_of(
    "a coruña|abu dhabi|accra|addis ababa|adelaide|albacete|albany|albuquerque|alcalá|alcalá de henares|alcorcón|"
    "alexandria|algiers|alicante|almería|amman|amsterdam|anaheim|anchorage|annapolis|antwerp|arlington|athens|"
    "atlanta|auckland|aurora|austin|badajoz|badalona|baghdad|bakersfield|baltimore|bangalore|bangkok|barakaldo|"
    "barcelona|basel|bath|baton rouge|bay area|beijing|beirut|belfast|belgrade|bergen|berlin|bilbao|birmingham|"
    "bismarck|bogota|bogotá|boise|boston|brasilia|brighton|brisbane|bristol|bronx|brooklyn|brussels|bucharest|"
    "budapest|buenos aires|buffalo|burgos|burlington|cairo|calgary|cambridge|cancun|cape cod|cape town|caracas|"
    "cardiff|cartagena|casablanca|castellón|ceuta|chandler|charleston|charlotte|chennai|cheyenne|chicago|"
    "christchurch|cincinnati|ciudad de méxico|cleveland|cologne|colorado springs|columbus|concepción|concord|"
    "copenhagen|corpus christi|coruña|cuenca|cáceres|cádiz|córdoba|dallas|damascus|delhi|denver|des moines|detroit|"
    "dhaka|donostia|dover|dubai|dublin|durban|edinburgh|edmonton|el paso|elche|exeter|fargo|ferrol|florence|"
    "florida keys|fort wayne|fort worth|frankfurt|fresno|fuenlabrada|geneva|gerona|getafe|getxo|gijón|girona|glasgow|"
    "gothenburg|granada|greensboro|guadalajara|halifax|hamburg|hanoi|harlem|hartford|havana|hawaii|helena|helsinki|"
    "hollywood|hong kong|honolulu|hospitalet|houston|huelva|huesca|hyderabad|indianapolis|irvine|istanbul|jackson|"
    "jacksonville|jakarta|jaén|jerez|jersey city|jerusalem|johannesburg|kabul|kampala|kansas city|karachi|kathmandu|"
    "kiev|kolkata|kyiv|kyoto|la coruña|la habana|la laguna|lagos|lahore|las vegas|leeds|leganés|leicester|lexington|"
    "león|lima|lincoln|lisbon|little rock|liverpool|lleida|logroño|london|long beach|long island|los angeles|"
    "louisville|lugo|lérida|madrid|manchester|manhattan|manila|medellin|medellín|melbourne|melilla|memphis|mendoza|"
    "mesa|mexico city|miami|milan|milwaukee|minneapolis|montevideo|montgomery|montreal|moscow|mumbai|munich|murcia|"
    "málaga|móstoles|nairobi|naples|nashville|new delhi|new orleans|new york|new york city|newark|newcastle|norwich|"
    "nottingham|oakland|oklahoma city|omaha|orense|orlando|osaka|oslo|ottawa|ourense|oviedo|oxford|palencia|palma|"
    "palma de mallorca|pamplona|paris|parla|perth|philadelphia|phoenix|pittsburgh|plano|plymouth|pontevedra|portland|"
    "porto alegre|prague|providence|quebec|queens|quito|raleigh|reus|reykjavik|richmond|riga|rio de janeiro|"
    "riverside|riyadh|rochester|rome|rosario|rotterdam|sabadell|sacramento|saigon|saint paul|salamanca|"
    "salt lake city|san antonio|san diego|san francisco|san jose|san sebastián|santa ana|santa cruz|"
    "santa cruz de tenerife|santa fe|santander|santiago|santiago de compostela|sao paulo|savannah|seattle|segovia|"
    "seoul|sevilla|seville|shanghai|sheffield|silicon valley|singapore|sioux falls|sofia|soria|southampton|spokane|"
    "springfield|st louis|st. louis|staten island|stockholm|stockton|stuttgart|sydney|syracuse|tacoma|taipei|tallinn|"
    "tampa|tarragona|tehran|tel aviv|terrassa|teruel|the bronx|tijuana|tokyo|toledo|topeka|toronto|trenton|tucson|"
    "tulsa|tunis|valencia|valladolid|valparaíso|vancouver|venice|vienna|vigo|vilnius|virginia beach|vitoria|warsaw|"
    "washington d.c.|washington dc|wellington|wichita|winnipeg|york|zagreb|zamora|zaragoza|zurich|ávila"
)
NATIONALITIES = words_of(
    "afghan albanian algerian american argentine argentinian armenian australian austrian bangladeshi belarusian "
    "belgian bolivian bosnian brazilian british bulgarian cambodian cameroonian canadian chilean chinese colombian "
    "congolese croat croatian cuban cypriot czech dane danish dominican dutch ecuadorian egyptian english eritrean "
    "estonian ethiopian filipino finn finnish french georgian german ghanaian greek greenlander guatemalan haitian "
    "honduran hungarian icelandic indian indonesian iranian iraqi irish israeli italian ivorian jamaican japanese "
    "jordanian kazakh kenyan korean kurdish kuwaiti laotian latvian lebanese libyan lithuanian malaysian mexican "
    "moldovan mongolian moroccan nepalese nicaraguan nigerian norwegian pakistani palestinian panamanian paraguayan "
    "peruvian pole polish portuguese puerto romanian russian rwandan salvadoran saudi scot scottish senegalese serb "
    "serbian singaporean slovak slovene slovenian somali spaniard spanish sudanese swede swedish swiss syrian "
    "taiwanese tanzanian thai tunisian turk turkish ugandan ukrainian uruguayan venezuelan vietnamese welsh yemeni "
    "zambian zimbabwean"
)


@dataclass(frozen=True)
class Lexicon:
    """Names and places, case-folded and without accents.

    Attributes:
        spoken: given names that are recognised without a capital.
        countries: states too.
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
    """Whether a word is one of the language rather than a name; ``word`` as :func:`folded` gives it."""
    stem = word.removesuffix("'s")
    return (
        word in _ordinary_words()
        or stem in _ordinary_words()
        or stem in MEDICINES
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


@cache
def given_names(locale: str) -> tuple[frozenset[str], frozenset[str]]:
    """Given names of women and of men, folded."""
    women, men = (
        frozenset(folded(name) for name in _listed("person", locale, f"first_names_{gender}"))
        for gender in ("female", "male")
    )
    return women, men


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
            and not name.endswith(("formats", "abbr", "postcode"))
            and isinstance(value, tuple | list | dict)
        ):
            yield from (entry if isinstance(entry, str) else entry[-1] for entry in value)


@cache
def _ordinary_words() -> frozenset[str]:
    return frozenset(folded(word) for word in ORDINARY)


@cache
def _faker_words() -> frozenset[str]:
    lists = [_listed("lorem", locale, "word_list") for locale in ("en_US", "es_ES")]
    return frozenset(folded(word) for words in lists for word in words if folded(word) not in _NAMES_AMONG_WORDS)


_NAMES_AMONG_WORDS = words_of(
    "carmen jose juan maria luis antonio francisco pedro jesus manuel miguel carlos dan felipe fernando jorge julio "
    "marco martin pablo rafael santiago sean victoria domingo flores garcia gonzalez lopez madrid rodriguez"
)
