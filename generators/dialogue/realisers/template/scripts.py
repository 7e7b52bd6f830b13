"""In which order a clinician makes the moves of a stage. A question mark stands before those that may be left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Script = tuple[str, ...]

_CHAIN: Final = (
    "ask_event",
    "ask_thought",
    "ask_emotion",
    "?ask_intensity",
    "?ask_body",
    "ask_behaviour",
    "?ask_relief",
)

STAGES: Final[Mapping[str, Script]] = {
    "opening": ("greet_intake", "?frame_talk", "what_brings"),
    "problem": ("?why_now",),
    "daily life": ("?day_typical",),
    "background": ("safety_brief",),
    "formulation": (*_CHAIN, "circle", "?circle_where"),
    "goals": ("?goal_rank", "goal_sign"),
    "check-in": ("greet_later", "?scores_talk", "?mood_number", "?mood_higher"),
    "agenda": ("agenda_propose", "?agenda_order"),
    "homework review": (
        "review_how",
        "?review_when",
        "?review_noticed",
        "?review_effort",
        "?review_barrier",
        "?review_feel",
        "?review_keep",
    ),
    "exploration": ("?recap_check",),
    "homework": ("task_propose", "task_when", "?task_obstacle", "?task_ifthen", "?task_confidence", "?task_more"),
    "closing": ("closing_summary", "?look_back", "?feedback", "?week_ahead", "goodbye"),
    "risk check": ("risk_open", "risk_plan", "?risk_means", "risk_protect", "?risk_now", "risk_agree"),
    "rupture": ("rupture_notice", "rupture_more"),
    "repair": ("repair_own", "repair_how"),
}
VISIT: Final[Mapping[str, Script]] = {
    "opening": ("greet_visit", "?open_tell", "?open_more"),
    "history": ("?history_day", "?history_pattern", "?history_do", "?history_else", "?history_check"),
    "background": ("?background_home",),
    "concerns": ("?concern_more",),
    "progress": ("?history_else", "?history_check"),
    "treatment": (),
    "closing": ("?warn_move", "?any_questions", "?note_help", "?note_home", "?getting_home", "come_back"),
}
TECHNIQUES: Final[Mapping[str, Script]] = {
    "thought record": (
        *_CHAIN, "tr_for", "tr_against", "?tr_friend", "?tr_likely", "tr_alt", "tr_rerate", "?tr_learn",
    ),
    "cognitive restructuring": (
        "ask_event", "ask_thought", "ask_emotion", "?ask_intensity", "?ask_behaviour", "cr_trap", "?cr_cost",
        "tr_against", "?tr_worst", "?tr_likely", "tr_alt", "?cr_say", "tr_rerate", "?tr_learn",
    ),
    "Socratic questioning": (
        "ask_event", "ask_thought", "ask_emotion", "?ask_intensity", "so_mean", "?so_rule", "?so_ruleage", "so_how",
        "?so_other", "tr_against", "?tr_friend", "tr_alt", "tr_rerate", "?tr_learn",
    ),
    "behavioural activation": (
        "ba_link", "ask_event", "?ask_thought", "?ask_emotion", "ask_behaviour", "?ask_relief", "ba_past", "ba_barrier",
        "ba_rule", "ba_small", "?ba_who", "?ba_predict", "?ba_mastery",
    ),
    "behavioural experiment": (
        "ask_event", "ask_thought", "?ask_emotion", "?ask_behaviour", "be_predict", "be_belief", "be_safety",
        "be_design", "be_measure", "?be_wrong", "be_learn",
    ),
    "exposure hierarchy": (
        "ask_event", "?ask_thought", "?ask_emotion", "ask_behaviour", "?ask_relief", "ex_why", "ex_list", "ex_rate",
        "ex_first", "ex_stay", "?ex_safety", "?ex_talk", "?ex_reward",
    ),
    "interoceptive exposure": (
        "ask_event", "?ask_body", "in_worst", "in_count", "in_try", "in_notice", "in_fall", "in_learn",
        "?ask_behaviour", "?ask_relief", "?ex_safety", "?ex_talk",
    ),
    "worry time": (
        "ask_event", "ask_thought", "ask_emotion", "?ask_body", "?ask_behaviour", "wt_kinds", "wt_sort", "?wt_cost",
        "wt_slot", "wt_postpone", "?wt_doubt", "?wt_now",
    ),
    "problem solving": (
        "?ask_event", "?ask_thought", "?ask_emotion", "?ask_behaviour", "ps_define", "ps_goal", "ps_options",
        "ps_weigh", "ps_choose", "ps_step", "?ps_block",
    ),
    "sleep restriction": (
        "sl_diary", "sl_bed", "?ask_event", "?ask_thought", "?ask_emotion", "sl_learn", "sl_window", "sl_rise",
        "?sl_evening", "?sl_awake", "sl_danger",
    ),
    "trauma-focused work": (
        "tf_ground", "ask_event", "ask_thought", "ask_emotion", "?ask_body", "?ask_behaviour", "tf_stuck", "tf_blame",
        "?tf_others", "tr_alt", "?tf_cost", "tf_after",
    ),
    "response prevention": (
        "ask_event", "ask_thought", "?ask_emotion", "ask_behaviour", "ask_relief", "?rp_doubt", "rp_urge", "rp_try",
        "rp_after", "rp_delay", "?rp_help", "?tr_learn",
    ),
    "urge surfing": (
        "?us_why", "ask_event", "ask_thought", "?ask_behaviour", "?ask_relief", "us_before", "us_wave", "us_try",
        "us_instead", "?us_places", "us_slip",
    ),
    "grief work": (
        "gw_memory", "ask_event", "?ask_thought", "ask_emotion", "?ask_behaviour", "gw_last", "gw_say", "gw_reply",
        "?gw_keep", "gw_permission", "?gw_two",
    ),
    "relapse prevention": (
        "rv_change", "?rv_self", "rv_helped", "rv_early", "rv_risk", "?ask_event", "?ask_thought", "?rv_thought",
        "rv_plan", "?rv_slip", "?rv_who",
    ),
    "self-monitoring": (*_CHAIN, "circle", "?circle_where"),
}  # fmt: skip
FOLLOW: Final = ("fu_feel", "fu_effect", "fu_cope", "fu_others", "fu_since", "fu_more", "fu_importance")
DEEPEN: Final = ("deep_best", "deep_image", "deep_strength", "deep_wish", "deep_past", "deep_thanks")
FURTHER: Final[Mapping[str, Script]] = {
    "check-in": ("week_best", "week_hard", "stayed"),
    "homework review": ("week_best", "stayed"),
    "work": ("wk_see", "wk_hard", "wk_feel"),
    "formulation": ("wk_see", "wk_feel"),
    "homework": ("task_picture", "task_why"),
    "goals": ("goal_step", "goal_strength"),
    "agenda": ("stayed",),
    "rupture": ("rupture_before", "rupture_known"),
    "repair": ("repair_left",),
    "closing": (),
}
"""What a stage has room for beyond its script; where there is nothing, the talk goes deeper."""
VISIT_FURTHER: Final = (
    "vfu_mind",
    "vfu_others",
    "vfu_sure",
    "vfu_help",
    "vfu_rest",
    "vfu_day",
    "vfu_again",
    "vfu_explain",
)
QUESTIONS: Final = (
    "pq_serious",
    "pq_back",
    "pq_ever",
    "pq_work",
    "pq_wine",
    "pq_long",
    "pq_rest",
    "pq_drive",
    "pq_sure",
    "pq_finding",
    "pq_posture",
    "pq_result",
    "pq_writing",
    "pq_like",
    "pq_drops",
    "pq_next",
)
TOLD: Final[Mapping[str, str]] = {"fu_feel": "feel", "fu_effect": "effect", "fu_cope": "cope", "fu_others": "others",
                                  "fu_more": "example"}  # fmt: skip
"""Which of a fact's details answers which further question."""


DETAILS: Final = {kind: move for move, kind in TOLD.items()}
GREETINGS: Final = frozenset({"greet_intake", "greet_later", "greet_visit", "greet_return"})
ASSESS: Final = ("assess_sense", "assess_view", "assess_expected", "assess_more")
PLAN: Final = ("plan_happy", "plan_can", "plan_back", "plan_unsure")


def script(setting: str, stage: str, technique: str, number: int = 1) -> Script:
    """The moves of a stage, in order.

    Args:
        number: of the session; the first visit opens otherwise than those that follow.
    """
    if stage == "work":
        return TECHNIQUES.get(technique, TECHNIQUES["Socratic questioning"])
    if setting == "visit":
        if stage in {"examination", "assessment", "plan"}:
            return ASSESS if stage == "assessment" else (*PLAN, "plan_repeat") if stage == "plan" else ()
        if stage == "opening" and number > 1:
            return ("greet_return", "?open_more")
        return VISIT.get(stage, ())
    return STAGES.get(stage, ())


def every(setting: str, stage: str, technique: str) -> tuple[str, ...]:
    """All moves that may have been made in a stage."""
    own = tuple(move.removeprefix("?") for move in script(setting, stage, technique))
    if setting != "visit":
        return own + FOLLOW + DEEPEN + FURTHER.get(stage, ())
    return own + (("greet_return",) if stage == "opening" else ()) + VISIT_FURTHER
