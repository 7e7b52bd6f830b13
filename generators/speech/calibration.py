"""What a voice says once, neutrally, to be measured: three phrases with the fall of F0 that phrases of a turn have."""

from __future__ import annotations

from synthgen.generators.speech.text import script_of

_PHRASES: dict[str, tuple[str, ...]] = {
    "LATIN": ("On Monday my brother brought a new lamp,", "then we walked along the river,", "and nobody said a word."),
    "CYRILLIC": ("Мой брат принёс домой новую лампу,", "потом мы долго гуляли у реки,", "и никто не сказал ни слова."),
    "GREEK": ("Ο αδελφός μου έφερε μια λάμπα,", "μετά περπατήσαμε δίπλα στο ποτάμι,", "και κανείς δεν είπε τίποτα."),
    "ARABIC": ("أحضر أخي مصباحا جديدا،", "ثم مشينا طويلا قرب النهر،", "ولم يقل أحد شيئا."),
    "HEBREW": ("אחי הביא מנורה חדשה,", "ואחר כך הלכנו לאורך הנהר,", "ואיש לא אמר מילה."),
    "DEVANAGARI": ("मेरा भाई एक नया दीपक लाया,", "फिर हम नदी के किनारे चले,", "और किसी ने कुछ नहीं कहा।"),
    "CJK": ("我哥哥带来了一盏新灯，", "然后我们沿着河边走了很久，", "没有人说一句话。"),
    "HIRAGANA": ("兄が新しいランプを持ってきて、", "それから川のそばを長く歩いて、", "誰も何も言いませんでした。"),
    "HANGUL": ("형이 새 램프를 가져왔고,", "우리는 강가를 오래 걸었고,", "아무도 말을 하지 않았다."),
}


def phrases(language: str) -> tuple[str, ...]:
    """The phrases in the script of a language (BCP-47); together they are a sentence."""
    return _PHRASES[script_of(language)]
