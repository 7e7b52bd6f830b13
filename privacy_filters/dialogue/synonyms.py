"""Words of clinical talk and what somebody else might have said instead: for planted copies, not for filtering."""

from __future__ import annotations

_GROUPS = """
ache|pain  aching|sore  afraid|scared  also|too  angry|cross  answer|reply  anxious|nervous  appointment|visit
ask|inquire  assist|help  awful|terrible  bad|poor  began|started  begin|start  begun|started  belly|stomach
big|large  breathe|respire  buy|purchase  calm|relaxed  check|examine  chest|thorax  child|kid  children|kids
close|near  common|usual  complete|whole  correct|right  cure|remedy  daily|everyday  decrease|reduce
definitely|certainly  describe|explain  difficult|hard  discomfort|pain  disease|illness  dizzy|lightheaded
doctor|physician  drink|beverage  drug|medicine  during|throughout  easy|simple  eat|consume  elevated|raised
entire|whole  exam|examination  exercise|training  experience|feel  experienced|felt  experiencing|feeling
fast|quickly  father|dad  fatigue|tiredness  feel|sense  fever|temperature  fine|well  finish|end
follow|track  fix|repair  frequently|often  gave|provided  get|receive  give|provide  glad|happy
going|heading  good|nice  great|excellent  guess|suppose  happen|occur  happened|occurred  headache|migraine
heal|recover  help|assist  history|background  hospital|clinic  house|home  hurt|ache  hurting|aching
hurts|aches  important|significant  improve|better  improved|better  increase|raise  injury|wound
issue|problem  issues|problems  job|work  just|simply  kind|sort  know|understand  later|afterwards
learn|find  leg|limb  like|enjoy  little|small  look|see  looking|seeing  lot|great deal  lungs|airways
main|chief  maybe|perhaps  meal|dish  medication|medicine  medications|medicines  medicine|medication
mild|slight  month|four weeks  mother|mom  much|greatly  nausea|queasiness  need|require  normal|usual
now|currently  nurse|carer  occasionally|sometimes  ok|fine  okay|fine  operation|surgery  pain|discomfort
painful|sore  parents|mom and dad  people|folks  perform|do  physician|doctor  pill|tablet  pills|tablets
possible|feasible  prescribe|order  prescribed|ordered  pretty|quite  previous|earlier  probably|likely
problem|issue  problems|issues  quick|fast  quickly|fast  quite|rather  really|truly  recently|lately
red|reddish  reduce|lower  regular|usual  relax|rest  remember|recall  right|correct  sad|unhappy
said|mentioned  say|mention  see|notice  seen|noticed  serious|grave  severe|bad  shot|injection  sick|ill
skin|hide  sleep|slumber  small|little  smoke|use tobacco  smoking|tobacco  sometimes|occasionally
soon|shortly  sore|painful  sorry|apologetic  start|begin  started|began  still|yet  stomach|belly  stop|quit
stopped|quit  stressed|strained  strong|powerful  sudden|abrupt  suddenly|abruptly  surgery|operation
sure|certain  swelling|puffiness  swollen|puffy  symptom|sign  symptoms|signs  take|use  taken|used
takes|uses  taking|using  talk|speak  talked|spoke  tell|inform  tender|sore  terrible|awful  test|exam
tests|exams  therapy|treatment  think|believe  thinking|believing  throw|vomit  tired|weary  today|this day
told|informed  treat|manage  treated|managed  treatment|therapy  trouble|difficulty  try|attempt
trying|attempting  understand|see  unhappy|sad  unusual|odd  upset|distressed  use|take  using|taking
usual|normal  usually|normally  very|extremely  vomiting|throwing up  walk|go on foot  want|wish
wanted|wished  weak|feeble  wife|spouse  wonderful|great  worried|concerned  worry|concern  worse|more severe
wrong|incorrect  yeah|yes  yep|yes  husband|spouse  yes|yeah  yesterday|the day before
"""


def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for group in _GROUPS.replace("\n", "  ").split("  "):
        if group:
            word, *others = group.split("|")
            table[word] = tuple(others)
    return table


SYNONYMS = _table()
"""Lower-case word to what may stand in its place."""
