"""Transcripts in the shapes of public exports: read right, left out with a count, or refused with advice that works."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from synthgen.config import load_config
from synthgen.errors import UserError
from synthgen.generators.dialogue.candidates import load_candidates
from synthgen.generators.dialogue.cohort import CohortConfig, load_cohort
from synthgen.generators.dialogue.write import write_release
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Silent
from synthgen.records import Synthetic

KIND = "transcripts"
Files = Mapping[str, str | bytes]
TWO = ["c:Hello.|p:Hi."]


class Notices(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass(frozen=True)
class Case:
    """Files, and what is read of them: ``patient c:Hello.|p:Hi.`` for each dialogue, the patient where it is named."""

    name: str
    files: Files
    read: list[str]
    said: str = ""
    patients: list[str] = field(default_factory=list)
    config: Mapping[str, Any] = field(default_factory=dict)


def written(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(folder: Path, config: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """The dialogues as strings, their patients, and what was said."""
    notices = Notices()
    loaded = load_cohort(folder, CohortConfig.model_validate(config), notices)
    sides = {"clinician": "c", "patient": "p", "companion": "x"}
    read = ["|".join(f"{sides[turn.speaker]}:{turn.text}" for turn in r.payload.turns) for r in loaded.records]
    return read, [record.patient for record in loaded.records], notices.lines


def lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def turns(*pairs: str, role: str = "role", text: str = "text") -> list[dict[str, str]]:
    """``"doctor: Hello."`` as objects."""
    return [dict(zip((role, text), pair.split(": ", 1), strict=True)) for pair in pairs]


HELLO = turns("doctor: Hello.", "patient: Hi.")
VTT = "WEBVTT\n\n"


def cue(start: int, text: str) -> str:
    return f"00:00:{start:02d}.000 --> 00:00:{start + 1:02d}.000\n{text}\n\n"


def textgrid(tiers: Mapping[str, list[tuple[float, str]]], short: bool = False) -> str:
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    if short:
        body = f"0\n9\n<exists>\n{len(tiers)}\n"
        for name, own in tiers.items():
            body += f'"IntervalTier"\n"{name}"\n0\n9\n{len(own)}\n' + "".join(
                f'{at}\n{at + 1}\n"{t}"\n' for at, t in own
            )
        return head + body
    body = f"xmin = 0 \nxmax = 9 \ntiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    for number, (name, own) in enumerate(tiers.items(), start=1):
        body += f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{name}" \n'
        body += f"        xmin = 0 \n        xmax = 9 \n        intervals: size = {len(own)} \n"
        for entry, (at, said) in enumerate(own, start=1):
            body += f"        intervals [{entry}]:\n            xmin = {at} \n            xmax = {at + 1} \n"
            body += f'            text = "{said}" \n'
    return head + body


def eaf(*annotations: tuple[str, int, str]) -> str:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{i}" TIME_VALUE="{at}"/>' for i, (_, at, _) in enumerate(annotations))
    tiers = "".join(
        f'<TIER TIER_ID="{who}" PARTICIPANT="{who}"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" '
        f'TIME_SLOT_REF1="ts{i}" TIME_SLOT_REF2="ts{i}"><ANNOTATION_VALUE>{said}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
        for i, (who, _, said) in enumerate(annotations)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>"


DAIC = (
    "start_time\tstop_time\tspeaker\tvalue\n36.5\t39.6\tEllie\thi i'm here\n39.8\t43.3\tEllie\tready\n"
    "62.3\t63.1\tParticipant\tgood\n64.1\t66.0\tEllie\thow_doing (how are you doing)\n"
    "68.9\t70.2\tParticipant\t<laughter> tired um\n71.0\t72.0\tParticipant\tscrubbed_entry\n"
)
ELLIE = {"roles": {"Ellie": "clinician"}}
ELLIE_READ = "c:hi i'm here|c:ready|p:good|c:how are you doing|p:tired um"
AWS_ITEMS = [
    {"type": "pronunciation", "start_time": "0.1", "alternatives": [{"content": "Hello"}]},
    {"type": "punctuation", "alternatives": [{"content": "."}]},
    {"type": "pronunciation", "start_time": "1.1", "alternatives": [{"content": "Hi"}]},
    {"type": "punctuation", "alternatives": [{"content": "."}]},
]
SPK = {"roles": {"spk_0": "clinician", "spk_1": "patient"}}
NUMBERS = {"roles": {"speaker 0": "clinician", "speaker 1": "patient"}}
LETTERS = {"roles": {"A": "clinician", "B": "patient"}}

TEMPLATES = {
    "ChatML": "<|im_start|>system\nHelp.<|im_end|>\n<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\nHello."
    "<|im_end|>\n<|im_start|>user\nNote: ill.<|im_end|>\n",
    "Llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi.<|eot_id|><|start_header_id|>assistant"
    "<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nNote: ill.<|eot_id|>",
    "Llama 2": "<s>[INST] <<SYS>>\nHelp.\n<</SYS>>\n\nHi. [/INST] Hello. </s><s>[INST] Note: ill. [/INST]",
    "Alpaca": "Below is a task.\n\n### Instruction:\nHi.\n\n### Response:\nHello.\n\n### Instruction:\nNote: ill.\n",
    "Phi": "<|user|>\nHi.<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nNote: ill.<|end|>",
    "Gemma": "<bos><start_of_turn>user\nHi.<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n<start_of_turn>"
    "user\nNote: ill.<end_of_turn>",
}

READ = [
    # --- objects: ids of any type, sessions within patients, names of keys
    Case("ids of any type are one patient", {"n.jsonl": lines(
        {"dialogue_id": 1, "patient_id": 7, "turns": HELLO}, {"dialogue_id": 2, "patient_id": 7.0, "turns": HELLO},
        {"dialogue_id": 3, "patient_id": "7", "turns": HELLO}, {"dialogue_id": 4, "patient_id": " 7 ",
        "turns": HELLO})},
        TWO * 4, patients=["7"] * 4),
    Case("a patient as an object", {"s.jsonl": lines(
        {"patient": {"id": "p1", "age": 44, "name": "X"}, "turns": HELLO},
        {"patient": {"id": "p1", "age": 45, "name": "X"}, "turns": turns("doctor: Again.", "patient: Yes.")})},
        [*TWO, "c:Again.|p:Yes."], patients=["p1", "p1"]),
    Case("a patient as a reference of FHIR", {"s.jsonl": lines(
        {"patient": {"reference": "Patient/9"}, "turns": HELLO},
        {"subject": {"identifier": [{"system": "urn:x", "value": "Patient/9"}]}, "turns": HELLO})},
        TWO * 2, patients=["Patient/9"] * 2),
    Case("keys in camel case", {"s.json": json.dumps([{"dialogueId": 5, "patientId": "p", "turns": HELLO}])},
         TWO, patients=["p"]),
    Case("sessions within a patient", {"p.json": json.dumps([{"patient_id": "p1", "sessions": [
        {"session": 1, "turns": HELLO}, {"session": 2, "turns": turns("therapist: And now?", "client: Better.")}]}])},
        [*TWO, "c:And now?|p:Better."], patients=["p1", "p1"]),
    Case("sessions within a patient whose id is id", {"p.json": json.dumps(
        {"patients": [{"id": "p1", "name": "N", "visits": [{"id": "v1", "messages": turns(
            "assistant: Hello.", "user: Hi.", text="content")}, {"id": "v2", "turns": HELLO}]},
            {"id": "p2", "visits": [{"id": "v1", "turns": HELLO}]}]})}, TWO * 3, patients=["p1", "p1", "p2"]),
    Case("patients by key", {"p.json": json.dumps({"patients": {"p1": {"sessions": [{"turns": HELLO}, {
        "turns": HELLO}]}, "p2": {"sessions": [{"turns": HELLO}]}}})}, TWO * 3, patients=["p1", "p1", "p2"]),
    Case("dialogues by key", {"p.json": json.dumps({"d1": HELLO, "d2": HELLO})}, TWO * 2, patients=["d1", "d2"]),
    Case("an object about all sessions", {"n.json": json.dumps({"data": {"sessions": [{"id": "s1", "turns": HELLO}]}})},
         TWO, patients=["s1"]),
    Case("conversations of conversations", {"n.json": json.dumps({"conversations": [HELLO, HELLO]})}, TWO * 2),
    Case("conversations with messages", {"n.json": json.dumps(
        {"conversations": [{"conversation_id": "a", "messages": HELLO}, {"conversation_id": "b", "messages": HELLO}]})},
        TWO * 2, patients=["a", "b"]),
    Case("a list of lists", {"n.json": json.dumps([HELLO, HELLO])}, TWO * 2),
    Case("a split in an object", {"n.json": json.dumps({"train": [{"id": 1, "turns": HELLO}], "test": [
        {"id": 2, "turns": HELLO}]})}, TWO * 2, patients=["1", "2"]),
    Case("objects one after another", {"n.json": json.dumps({"id": 1, "turns": HELLO}, indent=1) + "\n" + json.dumps(
        {"id": 2, "turns": HELLO}, indent=1)}, TWO * 2),
    Case("NaN in place of a patient", {"n.jsonl": '{"patient_id": NaN, "id": 1, "score": NaN, "turns": '
         + json.dumps(HELLO) + "}\n"}, TWO, patients=["1"]),
    Case("turns by role", {"n.jsonl": lines({"id": 1, "turns": [{"Doctor": "Hello."}, {"Patient": "Hi."}]})}, TWO),
    Case("turns as pairs", {"n.jsonl": lines({"id": 1, "turns": [["Doctor", "Hello."], ["Patient", "Hi."]]})}, TWO),
    Case("MedDialog", {"n.json": json.dumps([{"description": "A cough.", "utterances": [
        "doctor: Hello.", "patient: Hi."]}])}, TWO),
    Case("ESConv", {"n.json": json.dumps([{"emotion_type": "anxiety", "dialog": [
        {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "Hello.\n"},
        {"speaker": "seeker", "annotation": {}, "content": "Hi.\n"}]}])}, TWO),
    Case("WhisperX with roles", {"v.json": json.dumps({"language": "en", "segments": [
        {"start": 0, "end": 1, "text": " Hello.", "speaker": "DOCTOR", "words": [{"word": "Hello."}]},
        {"start": 1, "end": 2, "text": " Hi.", "speaker": "PATIENT"}]})}, TWO),
    Case("HealthScribe", {"v.json": json.dumps({"Conversation": {"ConversationId": "c", "TranscriptSegments": [
        {"SegmentId": "1", "Content": "Hello.", "ParticipantDetails": {"ParticipantRole": "CLINICIAN_0"}},
        {"SegmentId": "2", "Content": "Hi.", "ParticipantDetails": {"ParticipantRole": "PATIENT_0"}}]}})}, TWO),
    Case("AWS Transcribe, old", {"v.json": json.dumps({"jobName": "j", "results": {"speaker_labels": {"segments": [
        {"speaker_label": "spk_0", "items": [{"start_time": "0.1"}]},
        {"speaker_label": "spk_1", "items": [{"start_time": "1.1"}]}]}, "items": AWS_ITEMS}})}, TWO, config=SPK),
    Case("AWS Transcribe, new", {"v.json": json.dumps({"results": {"audio_segments": [
        {"speaker_label": "spk_0", "transcript": "Hello."}, {"speaker_label": "spk_1", "transcript": "Hi."}]}})},
        TWO, config=SPK),
    Case("Deepgram utterances", {"v.json": json.dumps({"metadata": {}, "results": {"channels": [], "utterances": [
        {"speaker": 0, "transcript": "Hello."}, {"speaker": 1, "transcript": "Hi."}]}})}, TWO, config=NUMBERS),
    Case("Deepgram words", {"v.json": json.dumps({"results": {"channels": [{"alternatives": [{"words": [
        {"word": "hello", "punctuated_word": "Hello.", "speaker": 0},
        {"word": "hi", "punctuated_word": "Hi.", "speaker": 1}]}]}]}})}, TWO, config=NUMBERS),
    Case("AssemblyAI", {"v.json": json.dumps({"text": "Hello. Hi.", "words": [], "utterances": [
        {"speaker": "A", "text": "Hello.", "words": []}, {"speaker": "B", "text": "Hi."}]})}, TWO, config=LETTERS),
    Case("Azure", {"v.json": json.dumps({"recognizedPhrases": [
        {"speaker": 0, "nBest": [{"display": "Hello."}]}, {"speaker": 1, "nBest": [{"display": "Hi."}]}]})},
        TWO, config=NUMBERS),
    Case("Google", {"v.json": json.dumps({"results": [{"alternatives": [{"transcript": "Hello. Hi."}]}, {
        "alternatives": [{"words": [{"word": "Hello.", "speakerTag": 1}, {"word": "Hi.", "speakerTag": 2}]}]}]})},
        TWO, config={"roles": {"speaker 1": "clinician", "speaker 2": "patient"}}),
    Case("Rev", {"v.json": json.dumps({"monologues": [
        {"speaker": 0, "elements": [{"type": "text", "value": "Hello"}, {"type": "punct", "value": "."}]},
        {"speaker": 1, "elements": [{"type": "text", "value": "Hi"}, {"type": "punct", "value": "."}]}]})},
        TWO, config=NUMBERS),
    # --- chats
    Case("content in parts", {"c.jsonl": lines({"messages": [
        {"role": "assistant", "content": [{"type": "text", "text": "Hello."}, {"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": ["Hi."]}]})}, TWO, said="the assistant counts as the clinician"),
    Case("a chat of Gemini", {"c.jsonl": lines({"contents": [], "history": [
        {"role": "model", "parts": [{"text": "Hello."}]}, {"role": "user", "parts": [{"text": "Hi."}]}]})}, TWO),
    Case("sender and chat_messages", {"c.json": json.dumps([{"uuid": "u", "chat_messages": [
        {"sender": "assistant", "text": "Hello."}, {"sender": "human", "text": "Hi."}]}])}, TWO),
    Case("ShareGPT, the user the clinician", {"c.json": json.dumps([{"id": "x", "conversations": [
        {"from": "human", "value": "Hello."}, {"from": "gpt", "value": "Hi."}]}])}, TWO, config={"clinician": "user"}),
    # --- dialogues in one text
    Case("MTS-Dialog", {"m.csv": 'ID,section_header,section_text,dialogue\n0,GENHX,"A man","Doctor: Hello, miss? \n'
         'Patient: Hi.\nDoctor: When?\nPatient: Now."\n1,FAM,"x","Doctor: Hello.\nPatient: Hi."\n'},
         ["c:Hello, miss?|p:Hi.|c:When?|p:Now.", *TWO], patients=["0", "1"]),
    Case("aci-bench", {"m.csv": 'dataset,encounter_id,dialogue,note\nv,D2N001,"[doctor] Hello.\n[patient] Hi.\n'
         '[patient_guest] He is ill .","n"\n'}, ["c:Hello.|p:Hi.|x:He is ill ."], patients=["D2N001"]),
    Case("aci-bench in one line", {"m.csv": 'encounter_id,dialogue\n1,[doctor] Hello. [patient] Hi.\n'}, TWO),
    Case("Cactus", {"c.json": json.dumps([{"thought": "t", "attitude": "positive",
                                           "dialogue": "Counselor: Hello.\nClient: Hi."}])}, TWO),
    Case("marks in one line", {"c.jsonl": lines({"id": 1, "dialogue": "Doctor: Hello. Patient: Hi. Doctor: Why?"})},
         ["c:Hello.|p:Hi.|c:Why?"]),
    Case("marks in one line without points", {"c.jsonl": lines({"id": 1, "dialogue": "doctor: hello patient: hi"})},
         ["c:hello|p:hi"]),
    Case("line ends as two characters", {"c.csv": 'id,conversation\n1,Doctor: Hello.\\nPatient: Hi.\n'}, TWO),
    Case("a column called text", {"c.jsonl": lines({"text": "Therapist: Hello.\n\nClient: Hi."})}, TWO),
    Case("a list that a table holds as text", {"c.csv": "id,turns\n1,\"[{'role': 'doctor', 'text': 'Hello.'}, "
         "{'role': 'patient', 'text': 'Hi.'}]\"\n"}, TWO),
    Case("JSON that a table holds as text",
         {"c.csv": 'id,messages\n1,"[{""role"": ""doctor"", ""content"": ""Hello.""},'
         ' {""role"": ""patient"", ""content"": ""Hi.""}]"\n'}, TWO),
    Case("Chinese, full-width colons", {"c.jsonl": lines({"id": 1, "dialogue": "医生：你好。\n病人：咳嗽。"})},
         ["c:你好。|p:咳嗽。"]),
    Case("a question and its answers", {"q.csv": 'questionID,questionTitle,questionText,topic,answerText\n'
         '5,"t","Hi.",anxiety,"Hello."\n5,"t","Hi.",anxiety,"Well."\n'}, ["p:Hi.|c:Hello.", "p:Hi.|c:Well."]),
    # --- tables of turns
    Case("columns with spaces", {"s.csv": "Dialogue ID,Patient ID,Speaker,Utterance\n1,p1,Doctor,Hello.\n"
         "1,p1,Patient,Hi.\n2,p2,Doctor,Hello.\n2,p2,Patient,Hi.\n"}, TWO * 2, patients=["p1", "p2"]),
    Case("cases and sessions", {"s.csv": "case_id,session_no,speaker,text\nc1,1,Doctor,Hello.\nc1,1,Patient,Hi.\n"
         "c1,2,Doctor,Hello.\nc1,2,Patient,Hi.\nc2,1,Doctor,Hello.\nc2,1,Patient,Hi.\n"}, TWO * 3,
         patients=["c1", "c1", "c2"]),
    Case("an id of several sessions", {"s.csv": "conversation_id,session,speaker,text\na,1,Doctor,Hello.\n"
         "a,1,Patient,Hi.\na,2,Doctor,Hello.\na,2,Patient,Hi.\n"}, TWO * 2),
    Case("German columns and roles", {"s.csv": "Patienten-ID;Sitzung;Sprecher;Äußerung\n7;1;Therapeutin;Hello.\n"
         "7;1;Klientin;Hi.\n7;2;Ärztin;Hello.\n7;2;Patientin;Hi.\n"}, TWO * 2, patients=["7", "7"]),
    Case("AnnoMI", {"a.csv": "mi_quality,transcript_id,video_title,topic,utterance_id,interlocutor,timestamp,"
         "utterance_text,annotator_id\nhigh,0,v,alcohol,0,therapist,00:00:13,Hello.,1\n"
         "high,0,v,alcohol,1,client,00:00:24,Hi.,1\nlow,1,v,diet,0,therapist,00:00:01,Hello.,1\n"
         "low,1,v,diet,1,client,00:00:02,Hi.,1\n"}, TWO * 2, patients=["0", "1"]),
    Case("a row for each annotator", {"a.csv": "transcript_id,utterance_id,interlocutor,utterance_text,annotator_id\n"
         "0,0,therapist,Hello.,1\n0,0,therapist,Hello.,2\n0,1,client,Hi.,1\n0,1,client,Hi.,2\n"}, TWO,
         said="2 rows repeat a turn"),
    Case("patients and dates", {"s.csv": "patient,date,speaker,text\np,2024-02-01,Doctor,Second.\n"
         "p,2024-02-01,Patient,Yes.\np,2024-01-01,Doctor,Hello.\np,2024-01-01,Patient,Hi.\n"},
         ["c:Second.|p:Yes.", *TWO], patients=["p", "p"]),
    Case("a column of row numbers called id", {"s.csv": "id,conversation_id,speaker,text\n1,a,Doctor,Hello.\n"
         "2,a,Patient,Hi.\n3,b,Doctor,Hello.\n4,b,Patient,Hi.\n"}, TWO * 2, patients=["a", "b"]),
    Case("ids of turns that are no numbers", {"s.csv": "conversation_id,utterance_id,speaker,text\na,a_u2,Patient,Hi.\n"
         "a,a_u1,Doctor,Hello.\n"}, TWO),
    Case("bars between the cells", {"s.csv": "dialogue_id|speaker|text\n1|Doctor|Hello.\n1|Patient|Hi.\n"}, TWO),
    Case("the line by which Excel names the separator", {"s.csv": "sep=;\ndialogue_id;speaker;text\n1;Doctor;Hello.\n"
         "1;Patient;Hi.\n"}, TWO),
    Case("UTF-16 with tabs, as Excel saves", {"s.txt.csv": "dialogue_id\tspeaker\ttext\n1\tDoctor\tHello.\n"
         "1\tPatient\tHi.\n".encode("utf-16")}, TWO),
    Case("Windows-1252 with semicolons", {"s.csv": "dialogue_id;speaker;text\n1;Ärztin;Müde?\n1;Patient;Ja – „sehr“.\n"
         .encode("cp1252")}, ["c:Müde?|p:Ja – „sehr“."], said="Windows-1252"),
    Case("marks of order and smart quotes", {"s.csv": "\ufeffdialogue_id,speaker,text\n1,Doctor,“Hello.”\n"
         "1,Patient,Hi.\n"}, ["c:“Hello.”|p:Hi."]),
    Case("tabs without quoting", {"s.tsv": 'dialogue_id\tspeaker\ttext\n1\tdoctor\thow would you "describe\n'
         '1\tpatient\ti am tall\n1\tdoctor\t"okay then\n1\tpatient\tyes\n1\tdoctor\tany thoughts of death\n'
         '1\tpatient\tno never\n1\tdoctor\t"good"\n1\tpatient\tbye\n'},
         ['c:how would you "describe|p:i am tall|c:"okay then|p:yes|c:any thoughts of death|p:no never|c:good|p:bye']),
    Case("tabs with quoting", {"s.tsv": 'dialogue_id\tspeaker\ttext\n1\tdoctor\t'
         '"Two\nlines, ""so""."\n1\tpatient\tHi.\n'},
         ['c:Two\nlines, "so".|p:Hi.']),

    # --- DAIC-WOZ
    Case("DAIC-WOZ with its tables of labels", {"300_P/300_TRANSCRIPT.csv": DAIC, "301_P/301_TRANSCRIPT.csv": DAIC,
         "train_split.csv": "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender\n300,0,2,1\n301,1,17,0\n"},
         [ELLIE_READ] * 2, patients=["300", "301"], said="2 dialogues have labels from a table", config=ELLIE),
    Case("DAIC-WOZ, the other speaker inferred", {"300_TRANSCRIPT.csv": DAIC}, [ELLIE_READ], config={"pair": "infer"},
         said="1 files of turns name no dialogue: each is one"),
    Case("a table of labels of nobody here", {"a.csv": "dialogue_id,patient_id,speaker,text\n1,p,Doctor,Hello.\n"
         "1,p,Patient,Hi.\n", "scores.csv": "item,mean\nq1,2\n"}, TWO,
         said="1 × table that holds no dialogue and describes none"),
    # --- subtitles
    Case("WebVTT with a line after the timing", {"s.vtt": VTT + "00:02.430 --> 00:05.000\n\n<v Doctor>Hello.\n\n"
         "00:05.500 --> 00:09.000\n<v Patient>No, never.\n"}, ["c:Hello.|p:No, never."],
         said="1 lines stand after an empty line"),
    Case("WebVTT with a line within a cue", {"s.vtt": VTT + "1\n00:02.430 --> 00:05.000\n<v Doctor>Hello\n\nyou.\n\n2\n"
         "00:05.500 --> 00:09.000\n<v Patient>Hi.\n"}, ["c:Hello you.|p:Hi."],
         said="1 lines stand after an empty line"),
    Case("Zoom, a cue without a name", {"GMT20240101-120000_Recording.transcript.vtt": VTT
         + "1\n" + cue(1, "Dr. Meyer: Hello.") + "2\n" + cue(3, "Patient: A cough: dry.") + "3\n"
         + cue(5, "and it gets worse when I lie down: yes.")}, ["c:Hello.|p:A cough: dry. and it gets worse when I lie "
         "down: yes."], said="1 cues name no speaker, and go on with the last one"),
    Case("Teams", {"t.vtt": VTT + "6c1e/12-0\n" + cue(1, "<v Dr. Hanna Vogt>Hello.</v>") + "6c1e/13-0\n"
         + cue(3, "<v Patient 12>Hi.</v>")}, TWO),
    Case("voice spans with classes, tags and entities", {"t.vtt": VTT + "STYLE\n::cue { color: red }\n\nNOTE\na: b\n\n"
         + cue(1, "<v.first.loud Doctor><c.yellow>Hel</c><i>lo</i> &amp; <00:00:01.500>welcome</v>")
         + cue(3, "<V Patient>2 &lt; 3</V>")}, ["c:Hello & welcome|p:2 < 3"]),
    Case("two speakers in one cue", {"t.vtt": VTT + cue(1, "Doctor: Hello.\nPatient: Hi.") + cue(3, "Doctor: So?")},
         ["c:Hello.|p:Hi.|c:So?"]),
    Case("WebVTT with a header, a mark of order and CRLF", {"t.vtt": ("\ufeffWEBVTT - x\nKind: captions\n\n"
         + cue(1, "Doctor: Hello.") + cue(3, "Patient: Hi.")).replace("\n", "\r\n")}, TWO),
    Case("cues out of order", {"t.vtt": VTT + cue(1, "Doctor: Hello.") + cue(5, "Doctor: Why?") + cue(3, "Patient: Hi.")
         + cue(7, "Patient: So.")}, ["c:Hello.|p:Hi.|c:Why?|p:So."], said="out of the order of time"),
    Case("two recordings in one file", {"t.vtt": VTT + cue(1, "Doctor: Hello.") + cue(9, "Patient: Hi.")
         + cue(1, "Doctor: On.") + cue(2, "Patient: Yes.") + cue(9, "Doctor: Bye.")},
         ["c:Hello.|p:Hi.|c:On.|p:Yes.|c:Bye."], said="hold several recordings"),
    Case("SubRip", {"v.srt": "1\n00:00:01,000 --> 00:00:04,000\nDoctor: <i>Hello.</i>\n\n2\n"
         "00:00:04,500 --> 00:00:06,000\n{\\an8}Patient: Hi.\n"}, TWO),
    Case("SubRip without empty lines", {"v.srt": "1\n00:00:01,000 --> 00:00:04,000\nDoctor: Hello.\n2\n"
         "00:00:04,500 --> 00:00:06,000\nPatient: Hi.\n"}, TWO),
    Case("SubRip named .txt", {"v.txt": "1\n00:00:01,000 --> 00:00:04,000\nDoctor: Hello.\n\n2\n"
         "00:00:04,500 --> 00:00:06,000\nPatient: Hi.\n"}, TWO),
    Case("subtitles with labels beside", {"a.srt": "1\n00:00:01,000 --> 00:00:04,000\nDoctor: Hello.\nPatient: Hi.\n",
         "metadata.csv": "file_name,patient_id\na.srt,p9\n"}, TWO, patients=["p9"]),
    # --- plain text
    Case("plain text", {"v.txt": "Doctor: Hello.\nPatient: Hi.\n"}, TWO),
    Case("OSCE, letters and empty lines", {"CAR0001.txt": "\ufeffD: Hello.\r\n\r\nP: Hi.\r\n\r\n"}, TWO),
    Case("times before the names", {"v.txt": "[00:00:01] Doctor: Hello.\n[00:00:04] Patient: Hi.\n"}, TWO),
    Case("times behind the names", {"v.txt": "Doctor (00:01):\nHello.\n\nPatient (00:04):\nHi.\n"}, TWO),
    Case("Otter", {"n.txt": "Speaker 1  0:02  \nHello.\n\nSpeaker 2  0:05  \nHi.\n"}, TWO,
         config={"roles": {"Speaker 1": "clinician", "Speaker 2": "patient"}}),
    Case("Otter, the other way round", {"n.txt": "Speaker 1  0:02  \nHi.\n\nSpeaker 2  0:05  \nHello.\n"}, [
         "p:Hi.|c:Hello."],
         config={"roles": {"Speaker 1": "patient", "Speaker 2": "clinician"}}),
    Case("Zoom's chat", {"n.txt": "[Dr. Vogt] 10:00:02\nHello.\n\n[Patient] 10:00:09\nHi.\n"}, TWO),
    Case("Teams as text", {"n.txt": "Dr. Vogt   0:03\nHello.\nPatient   0:09\nHi.\n"}, TWO),
    Case("Markdown", {"n.md": "**Doctor:** Hello.\n\n**Patient:** Hi.\n"}, TWO),
    Case("continuation lines with indentation", {"n.txt": "Doctor: Hello,\n        so\nPatient: Hi.\n"}, [
         "c:Hello, so|p:Hi."]),
    Case("numbered lines", {"n.txt": "1 Doctor: Hello.\n2 Patient: Hi\n3 there.\n"}, ["c:Hello.|p:Hi there."]),
    Case("names on lines of their own", {"n.txt": "DOCTOR\nHello.\n\nPATIENT\nHi.\n"}, TWO),
    Case("dashes behind the names", {"n.txt": "Doctor – Hello.\nPatient – Hi.\n"}, TWO),
    Case("whisper.cpp with speakers", {"n.txt": "(speaker 0) Hel\n(speaker 0) lo.\n(speaker 1) Hi.\n"},
         ["c:Hel lo.|p:Hi."], config=NUMBERS),
    Case("French and Spanish roles", {"a.txt": "Médecin : Hello.\nPatiente : Hi.\n",
         "b.txt": "Terapeuta: Hello.\nPaciente: Hi.\n"}, TWO * 2),
    Case("folders of patients", {"p1/a.txt": "Doctor: Hello.\nPatient: Hi.\n",
         "p1/b.txt": "Doctor: So?\nPatient: Hi.\n",
         "p2/a.txt": "Doctor: Hello.\nPatient: Hi.\n"}, [TWO[0], "c:So?|p:Hi.", TWO[0]], patients=["p1", "p1", "p2"],
         config={"patient": "folder"}),
    Case("a note that is no name", {"n.txt": "Doctor: Hello.\nPatient: Hi.\nMedications: none\n"},
         ["c:Hello.|p:Hi. Medications: none"], config={"roles": {"Medications": "text"}}),
    Case("speakers by dialogue, from a table", {"a.txt": "A: Hello.\nB: Hi.\n", "b.txt": "A: Hi.\nB: Hello.\n",
         "metadata.csv": "file_name,patient_id,clinician_speaker,patient_speaker\na.txt,p,A,B\nb.txt,q,B,A\n"},
         [TWO[0], "p:Hi.|c:Hello."], patients=["p", "q"]),
    # --- tiers and TalkBank
    Case("TextGrid with marks", {"v.TextGrid": textgrid({"Doctor": [(0, "Hello. <UNIN/>"), (4, "<UNIN/>")],
         "Patient": [(2, "My <UNSURE>knee</UNSURE> hurts")]})}, ["c:Hello.|p:My knee hurts"],
         said="1 turns are nothing but a mark"),
    Case("TextGrid, short, UTF-16", {"v.TextGrid": textgrid({"Ärztin": [(0, "Hello.")], "Patientin": [(2, "Hi.")]},
         True)
         .encode("utf-16")}, TWO),
    Case("TextGrid with a tier of words", {"v.TextGrid": textgrid({"Doctor": [(0, "Hello.")], "words": [(0, "hello")],
         "Patient": [(2, "Hi.")]})}, TWO, said="1 turns are of the system, a tool or a narrator"),
    Case("ELAN", {"v.eaf": eaf(("Patientin", 2000, "Hi."), ("Ärztin", 500, "Hello."))}, TWO),
    Case("CHAT", {"v.cha": "@UTF8\n@Begin\n@Participants:\tPAR Participant, INV Investigator\n"
         "*INV:\tHello <there> [//] you . \x150_1000\x15\n%mor:\tx|y\n*PAR:\t&-um Hi\n\tagain (.) .\n@End\n"},
         ["c:Hello there you.|p:um Hi again."], config={"roles": {"Investigator": "clinician"}}),
    # --- people beside the two
    Case("patients who are called ANONYMOUS", {"a.csv": "dialogue_id,patient_id,speaker,text\n1,N/A,Doctor,Hello.\n"
         "1,N/A,Patient,Hi.\n2,ANONYMOUS,Doctor,Hello.\n2,ANONYMOUS,Patient,Hi.\n"}, TWO * 2, patients=["1", "2"],
         said="2 dialogues have a word such as ANONYMOUS"),
    Case("a turn out of its place in a table", {"a.csv": "dialogue_id,start,speaker,text\n1,0.5,Doctor,Hello.\n"
         "1,4.0,Doctor,So?\n1,2.5,Patient,Hi.\n1,7,Patient,No.\n"}, ["c:Hello.|p:Hi.|c:So?|p:No."],
         said="out of the order of time"),
    Case("ids in an object of metadata", {"a.jsonl": lines(
        {"metadata": {"patient_id": "p1", "session": 2}, "messages": HELLO},
        {"metadata": {"patient_id": "p1", "session": 1}, "messages": HELLO})}, TWO * 2, patients=["p1", "p1"]),
    Case("a name and a role for each turn", {"a.jsonl": lines({"turns": [
        {"speaker": "Anna", "role": "therapist", "text": "Hello."}, {"speaker": "Ben", "role": "client",
        "text": "Hi."}]})},
         TWO),
    Case("rows of a viewer of data sets", {"a.json": json.dumps({"features": [], "rows": [
        {"row_idx": 0, "row": {"id": "a", "turns": HELLO}}, {"row_idx": 1, "row": {"id": "b", "turns": HELLO}}]})},
         TWO * 2, patients=["a", "b"]),
    Case("dialogues that each patient numbers anew",
         {"a.csv": "patient_id,dialogue_id,speaker,text\np,1,Doctor,Hello.\n"
         "p,1,Patient,Hi.\nq,1,Doctor,Hello.\nq,1,Patient,Hi.\n"}, TWO * 2, patients=["p", "q"]),
    Case("one id in two files", {"train.csv": "ID,dialogue\n0,[doctor] Hello. [patient] Hi.\n",
         "test.csv": "ID,dialogue\n0,[doctor] So? [patient] Hi.\n"}, ["c:So?|p:Hi.", *TWO],
         said="an id that another file"),
    Case("one dialogue in two files", {"a.jsonl": lines({"id": 1, "patient_id": "p", "turns": HELLO}),
         "a copy.jsonl": lines({"id": 1, "patient_id": "p", "turns": HELLO})}, TWO,
         said="the same dialogue a second time"),
    Case("one session twice under two ids", {"a.jsonl": lines({"id": 1, "patient_id": "p", "turns": HELLO},
         {"id": 2, "patient_id": "p", "turns": HELLO})}, TWO * 2, said="say the same as another of their patient"),
    Case("carriage returns alone", {"a.csv": "dialogue_id,speaker,text\r1,Doctor,Hello.\r1,Patient,Hi.\r"}, TWO),
    Case("a header that comes again", {"a.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"
         "dialogue_id,speaker,text\n2,Doctor,Hello.\n2,Patient,Hi.\n"}, TWO * 2, said="1 rows repeat the header"),
    Case("damaged lines, which may be left out", {"a.jsonl": lines({"turns": HELLO}),
         "b.jsonl": '{"turns": [}\n' + lines({"turns": HELLO})}, TWO * 2, config={"damaged": "skip"},
         said="1 × line that is not valid JSON"),
    Case("damaged files, which may be left out", {"a.vtt": VTT + cue(1, "Doctor: Hello.") + cue(2, "Patient: Hi."),
         "b.vtt": "no subtitles"}, TWO, config={"damaged": "skip"}, said="1 × file that cannot be read"),
    Case("speakers of unknown side, who may be left out", {"a.txt": "Doctor: Hello.\nPatient: Hi.\n",
         "b.txt": "Moderator: Hello.\nPatient: Hi.\n"}, TWO, config={"unknown": "skip"},
         said="1 × dialogue with a speaker of unknown side"),
    Case("files that are absent, which may be left out", {"a.txt": "Doctor: Hello.\nPatient: Hi.\n",
         "metadata.csv": "file_name,patient_id\na.txt,p\nb.txt,q\n"}, TWO, patients=["p"], config={"absent": "skip"},
         said="1 × file that is not there"),
    Case("documents beside transcripts", {"a.txt": "Doctor: Hello.\nPatient: Hi.\n", "b.docx": b"PK", "c.txt": "Notes.",
         "README.txt": "About."}, TWO, said="1 × .docx file, which is not read"),
    Case("prose beside transcripts", {"a.txt": "Doctor: Hello.\nPatient: Hi.\n", "c.txt": "Some notes.\n"}, TWO,
         said="1 × file that holds no dialogue"),
    Case("a heading up to an empty line", {"a.txt": "Patient: 12345\nDate: 2024-01-01\nInterviewer: Dr. X\n\n"
         "Doctor: Hello.\nPatient: Hi.\n"}, TWO, said="3 lines of headings are left out"),
    Case("a heading without an empty line", {"a.txt": "Patient: 12345\nDate: 2024-01-01\nDoctor: Hello.\n"
         "Patient: Hi.\n"}, TWO, said="2 lines of headings are left out"),
    Case("Google Meet", {"a.txt": "Visit (2024-01-01)\nAttendees\nTranscript\n00:00:00\n\nDr. Vogt: Hello.\n"
         "Patient: Hi.\n00:05:00\n\nDr. Vogt: So?\n"}, ["c:Hello.|p:Hi.|c:So?"], said="words before the first speaker"),
    Case("Webex, names above the timings", {"a.vtt": VTT + '1 "Dr. Vogt" (1)\n' + cue(1, "Hello.")
         + '2 "Patient" (2)\n' + cue(3, "Hi.")}, TWO),
    Case("Teams, names above the words", {"a.txt": "0:0:0.0 --> 0:0:2.180\nDr. Vogt\nHello.\n0:0:3.0 --> 0:0:4.0\n"
         "Patient\nHi.\n0:0:5.0 --> 0:0:6.0\nDr. Vogt\nSo\nwhat?\n"}, ["c:Hello.|p:Hi.|c:So what?"]),
    Case("Whisper with words beside the times", {"a.txt": "[00:00.000 --> 00:02.000] [SPEAKER_00] Hello.\n"
         "[00:02.000 --> 00:04.000] [SPEAKER_01] Hi.\n"}, TWO,
         config={"roles": {"SPEAKER_00": "clinician", "SPEAKER_01": "patient"}}),
    Case("pyannote with names above the times", {"a.txt": "SPEAKER_01\n[ 00:00:09.741 -->  00:00:12.087]   >> Hello.\n"
         "SPEAKER_02\n[ 00:00:13.741 -->  00:00:14.087]   >> Hi.\n"}, TWO,
         config={"roles": {"SPEAKER_01": "clinician", "SPEAKER_02": "patient"}}),
    Case("ChatGPT's export", {"conversations.json": json.dumps([{"title": "t", "current_node": "c", "mapping": {
        "a": {"id": "a", "message": None, "parent": None},
        "b": {"message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi."]}},
              "parent": "a"},
        "c": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Hello."]}}, "parent": "b"},
        "d": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Other."]}}, "parent": "b"}}}])},
         ["p:Hi.|c:Hello."]),
    Case("ids in two spellings",
         {"a.csv": "dialogue_id,patient_id,speaker,text\nA1,P1,Doctor,Hello.\na1,p1,Patient,Hi.\n"
         "2,P1,Doctor,Hello.\n2.0,P1,Patient,Hi!\n"}, [*TWO, "c:Hello.|p:Hi!"], patients=["P1", "P1"]),
    Case("patients without sessions", {"a.csv": "id,patient_id,speaker,text\n1,p,Doctor,Hello.\n2,p,Patient,Hi.\n"
         "3,q,Doctor,Hello.\n4,q,Patient,Hi.\n"}, TWO * 2, patients=["p", "q"], said="each patient's turns are one"),
    Case("rows whose texts name their speakers", {"a.csv": "dialogue_id,text\n1,Doctor: Hello.\n1,Patient: Hi.\n"
         "2,Doctor: Hello.\n2,Patient: Hi.\n"}, TWO * 2, patients=["1", "2"]),
    Case("a column called dialogue with numbers", {"a.csv": "dialogue,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"
         "2,Doctor,Hello.\n2,Patient,Hi.\n"}, TWO * 2, patients=["1", "2"]),
    Case("a column of files", {"a.csv": "file,speaker,text\nx.wav,Doctor,Hello.\nx.wav,Patient,Hi.\n"
         "y.wav,Doctor,Hello.\n"
         "y.wav,Patient,Hi.\n"}, TWO * 2),
    Case("points and hyphens in columns", {"a.csv": "Pat.-ID;Sitzungsnr.;Rolle;Text\n7;1;Therapeut;Hello.\n"
         "7;1;Klientin;Hi.\n7;2;Therapeut;Hello.\n7;2;Klientin;Hi.\n"}, TWO * 2, patients=["7", "7"]),
    Case("DAIC-WOZ with its features", {"300_P/300_TRANSCRIPT.csv": DAIC,
         "300_P/300_COVAREP.csv": "0,0,0,1.5\n0,0,0,2\n",
         "300_P/300_CLNF_AUs.txt": "frame, timestamp, confidence, AU01_r\n1, 0, 0.9, 0.2\n"}, [ELLIE_READ],
         config=ELLIE,
         said="1 × table that holds no dialogue"),
    Case("turns divided by other signs", {"a.csv": "id,dialogue\n1,Doctor: Hello.<br>Patient: Hi.\n"
         "2,Doctor: Hello. || Patient: Hi.\n"}, TWO * 2),
    Case("German roles of every gender", {"a.txt": "Therapeut*in: Hello.\nKlient:in: Hi.\n",
         "b.txt": "Psychologin: Hello.\nPatient/in: Hi.\n"}, TWO * 2),
    Case("what brackets add to a role", {"a.txt": "Doctor (Dr. Smith): Hello.\nPatient (f, 45): Hi.\n"}, TWO),
    Case("what a tool gives back within a message", {"a.jsonl": lines({"messages": [
        {"role": "assistant", "content": [{"type": "text", "text": "Hello."}, {"type": "tool_use", "name": "x"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "15 C"}]}, {"role": "user",
        "content": "Hi."}]})},
         TWO, said="1 turns hold no text"),
    Case("tools in ShareGPT", {"a.json": json.dumps([{"conversations": [
        {"from": "human", "value": "Hi."}, {"from": "function_call", "value": "{}"},
        {"from": "observation", "value": "x"}, {"from": "gpt", "value": "Hello."}]}])}, ["p:Hi.|c:Hello."],
         said="2 turns are of the system, a tool or a narrator"),
    Case("an object that a table holds as text",
         {"a.csv": "patient,dialogue\n\"{'id': 'p1', 'age': 4}\",\"Doctor: Hello."
         "\nPatient: Hi.\"\n"}, TWO, patients=["p1"]),
    Case("numbers of cues apart from their timings", {"a.vtt": "WEBVTT\n\n1\n\n" + cue(1, "Doctor: Hello.") + "2\n\n"
         + cue(3, "Patient: Hi.")}, TWO),
    Case("pauses in numbers", {"a.txt": "Doctor: Hello (0.5) there (.) you (2).\nPatient: Hi.\n"},
         ["c:Hello there you (2).|p:Hi."], said="marks of a transcriber"),
    Case("turns whose dates are out of order", {"a.jsonl": lines({"turns": [
        {"timestamp": "2024-01-01T10:00:00Z", "role": "doctor", "text": "Hello."},
        {"timestamp": "2024-01-01T10:00:09Z", "role": "doctor", "text": "So?"},
        {"timestamp": "2024-01-01T10:00:05Z", "role": "patient", "text": "Hi."},
        {"timestamp": "2024-01-01T10:00:12Z", "role": "patient", "text": "No."}]})}, ["c:Hello.|p:Hi.|c:So?|p:No."],
         said="out of the order of time"),
    Case("a table of dialogues beside one of turns",
         {"dialogues.csv": "dialogue_id,patient_id,topic\n1,p,sleep\n2,p,pain\n",
         "turns.csv": "dialogue_id,turn,speaker,text\n1,1,Doctor,Hello.\n1,2,Patient,Hi.\n2,1,Doctor,Hello.\n"
         "2,2,Patient,Hi.\n"}, TWO * 2, patients=["p", "p"], said="2 dialogues have labels from a table"),
    Case("a table of patients, of whom one is lacking", {f"{n}_x.txt": "Doctor: Hello.\nPatient: Hi.\n" for n in
         (101, 102, 103)} | {"labels.csv": "patient_id,phq9\n101,12\n102,3\n"}, TWO * 3,
         patients=["101", "102", "103_x"], said="2 dialogues have labels from a table"),
    Case("a chat with dates", {"a.txt": "[01.02.24, 10:00:02] Dr. Vogt: Hello.\n"
         "[01.02.24, 10:00:09] Patient: Hi\nyou.\n",
         "b.txt": "01/02/2024, 10:00 AM - Dr. Vogt: Hello.\n01/02/2024, 10:01 AM - Patient: Hi\nyou.\n",
         "c.txt": "2024-01-01 10:00:02 Doctor: Hello.\n2024-01-01 10:00:05 Patient: Hi\nyou.\n"},
         ["c:Hello.|p:Hi you."] * 3),
    Case("Zoom's chat, saved", {"a.txt": "10:00:02 From Dr. Vogt to Everyone:\n\tHello.\n"
         "10:00:09 From Patient to Everyone:\n\tHi.\n"}, TWO),
    Case("turns by number", {"a.json": json.dumps({"id": 1, "turns": {"0": HELLO[0], "1": HELLO[1]}})}, TWO),
    Case("UTF-8 that was taken for Windows-1252", {"a.txt": "Doctor: MÃ¼de?\nPatient: Jaâ€¦\n"}, ["c:Müde?|p:Ja…"],
         said="2 turns were UTF-8"),
    Case("a doctor whose name begins otherwise every time", {"a.txt": "DOCTOR: Hello.\npatient: Hi.\nDoctor: So?\n"},
         ["c:Hello.|p:Hi.|c:So?"]),
    Case("turns without a speaker in a table", {"a.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,,and so\n"
         "1,Patient,Hi.\n"}, TWO, said="1 turns name no speaker and are left out"),
    Case("segments that a diarisation leaves open", {"v.json": json.dumps({"segments": [
        {"text": "Hello.", "speaker": "Doctor"}, {"text": "hm"}, {"text": "Hi.", "speaker": "Patient"}]})}, TWO,
         said="1 turns name no speaker and are left out"),
    Case("a tool that is called without a text", {"ft.jsonl": lines({"messages": [
        {"role": "system", "content": "You are a doctor."}, {"role": "user", "content": "I have a headache."},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function"}]}, {"role": "tool", "content": "{}"},
        {"role": "assistant", "content": None}, {"role": "assistant", "content": "How long?"}]})},
        ["p:I have a headache.|c:How long?"], said="2 turns are of the system, a tool or a narrator"),
    Case("marks in every kind of brackets", {"a.jsonl": lines({"turns": turns(
        "doctor: Hello [inaudible 00:12].", "patient: <laughter> I (coughs) *sighs* feel ((laughs)) {LG} ill [NAME].",
        "patient: [laughs]", "doctor: xxx", "doctor: (that's fine) <PERSON> &amp; <b>co</b>")})},
        ["c:Hello.|p:I feel ill [NAME].|c:(that's fine) <PERSON> & co"], said="2 turns are nothing but a mark"),
    Case("marks that stay", {"a.jsonl": lines({"turns": turns("doctor: Hello [laughs].", "patient: <UNIN/>")})},
         ["c:Hello [laughs].|p:<UNIN/>"], config={"markup": "keep"}),
    Case("a synthetic release among others", {"a.jsonl": lines({"dialogue_id": "SYNTHETIC-000001", "turns": HELLO},
         {"dialogue_id": "1", "turns": HELLO})}, TWO, said="left out 1 × dialogue of a synthetic release"),
    Case("a mother and an interpreter are a third side", {"a.txt": "Doctor: Hello.\nMother: He is ill.\n"
         "Dolmetscherin: Hi.\nPatient: Hi.\n"}, ["c:Hello.|x:He is ill.|x:Hi.|p:Hi."]),

    # --- What exports add
    Case("a word before a colon within the words", {"a.vtt": VTT + cue(1, "Doctor: One thing: sleep.")
         + cue(3, "Patient: Note: it is bad. Time: always.")},
         ["c:One thing: sleep.|p:Note: it is bad. Time: always."]),
    Case("empty cells as pandas writes them", {"a.csv": "dialogue_id,speaker,text\n1,doctor,Any pain?\n1,patient,nan\n"
         "1,doctor,NaN\n1,patient,None\n"}, ["c:Any pain?|p:None"], said="2 turns hold no text"),
    Case("a title above the header", {"a.csv": "Transcripts,,\n\ndialogue_id,speaker,text\n1,doctor,Hello.\n"
         "1,patient,Hi.\n"}, TWO, said="2 lines above the header"),
    Case("a comment above the header", {"a.csv": "# exported, 2024\ndialogue_id,speaker,text\n1,doctor,Hello.\n"
         "1,patient,Hi.\n"}, TWO, said="1 lines above the header"),
    Case("input and output", {"a.jsonl": lines({"instruction": "Help.", "input": "Hi.", "output": "Hello."})},
         ["p:Hi.|c:Hello."]),
    Case("prompt and completion", {"a.jsonl": lines({"prompt": "Hi.", "completion": "Hello."})}, ["p:Hi.|c:Hello."]),
    Case("TextGrid of an aligner", {"a.TextGrid": textgrid({
        "Doctor": [(0, "Hello."), (2, "sil")], "Doctor - words": [(0, "hello")], "Doctor - phones": [(0, "HH")],
        "Patient - words": [(1, "hi"), (3, "<p:>")], "Patient - phones": [(1, "HH")]})}, ["c:Hello.|p:hi"]),
    Case("CHAT, an investigator", {"a.cha": "@UTF8\n@Begin\n@Participants:\tPAR Participant, INV Investigator\n"
         "*INV:\tHello .\n*PAR:\tHi .\n@End\n"}, TWO),
    Case("Otter's last line", {"a.txt": "Doctor  0:00\nHello.\n\nPatient  0:05\nHi.\n\n"
         "Transcribed by https://otter.ai\n"}, TWO, said="1 lines of a program"),
    Case("numbers of pages and an end", {"a.txt": "Doctor: Hello.\nPage 1 of 2\nPatient: Hi.\n- 2 -\n"
         "[End of transcript]\n"}, TWO, said="2 lines of a program"),
    Case("what a model thinks", {"a.jsonl": lines({"messages": [
        {"role": "user", "content": "Hi."}, {"role": "assistant", "content": "<think>He is rude.\n</think>\nHello."},
        {"role": "user", "content": "So?"}, {"role": "assistant", "content": "Hm, well.</think>Yes."}]})},
        ["p:Hi.|c:Hello.|p:So?|c:Yes."], said="2 turns held marks"),
    Case("### between the turns", {"a.jsonl": lines({"text": "### Human: Hi.### Assistant: Hello."})},
         ["p:Hi.|c:Hello."]),
    Case("names in bold type", {"a.csv": 'id,dialogue\n1,"<b>Doctor:</b> Hello.<br><strong>Patient:</strong> Hi."\n'},
         TWO),
    Case("times as f4 and MAXQDA write them", {"a.txt": "Arzt: Hello. #00:00:01-2#\nPatient: Hi. (00:00:03)\n"}, TWO,
         said="2 turns held marks"),
    Case("Teams, the end of a recording", {"a.txt": "Dr Smith started transcription\n\nDr Smith   0:03\nHello.\n\n"
         "Patient   0:05\nHi.\n\nDr Smith stopped transcription\n"}, TWO, said="2 lines of a program"),
    Case("pictures in a chat", {"a.txt": "01/02/2024, 10:00 - Doctor: Hello.\n01/02/2024, 10:01 - Patient: "
         "<Media omitted>\n01/02/2024, 10:02 - Patient: Hi.\n"}, TWO, said="1 turns held marks"),
    Case("music", {"a.srt": "1\n00:00:01,000 --> 00:00:02,000\nDoctor: Hello.\n\n2\n00:00:02,000 --> 00:00:03,000\n"
         "♪ soft tune ♪\n\n3\n00:00:03,000 --> 00:00:04,000\nPatient: Hi.\n"}, TWO, said="1 turns held marks"),
    # --- Captions that roll, templates of chat models, lists beside each other
    Case("rolling captions of YouTube", {"a.vtt": VTT + "Kind: captions\n\n"
         + "00:00:01.000 --> 00:00:02.000 align:start position:0%\n \nDoctor: hello<00:00:01.500><c> there</c>\n\n"
         + "00:00:02.000 --> 00:00:02.010 align:start position:0%\nDoctor: hello there\n \n\n"
         + "00:00:02.010 --> 00:00:03.000\nDoctor: hello there\nhow<00:00:02.400><c> are</c><c> you</c>\n\n"
         + "00:00:03.000 --> 00:00:03.010\nhow are you\n \n\n"
         + "00:00:03.010 --> 00:00:04.000\nhow are you\nPatient: tired\n\n"},
         ["c:hello there how are you|p:tired"], said="4 cues repeat words of the one before"),
    Case("rolling captions in SubRip", {"a.srt": "1\n00:00:01,000 --> 00:00:02,000\nDoctor: Hello.\n\n2\n"
         "00:00:02,000 --> 00:00:03,000\nDoctor: Hello.\nPatient: Hi.\n\n3\n00:00:03,000 --> 00:00:04,000\n"
         "Patient: Hi.\nDoctor: So?\n"}, ["c:Hello.|p:Hi.|c:So?"], said="2 cues repeat words"),
    Case("captions that grow", {"a.vtt": VTT + cue(1, "Doctor: Good") + cue(2, "Doctor: Good morning")
         + cue(3, "Doctor: Good morning friend.") + cue(4, "Patient: Hi.")}, ["c:Good morning friend.|p:Hi."],
         said="2 cues repeat words"),
    Case("a word that is said twice is no rolling caption", {"a.vtt": VTT + cue(1, "Doctor: Well?")
         + cue(2, "Patient: No.") + cue(3, "Patient: No.") + cue(4, "Patient: No.\nDoctor: So?")
         + cue(5, "Patient: Hi.") + cue(6, "Doctor: Bye.")},
         ["c:Well?|p:No. No. No.|c:So?|p:Hi.|c:Bye."]),
    Case("raw and cleaned words in two columns", {"a.csv": "dialogue_id,speaker,utterance,text\n"
         "1,Doctor,hello uh,Hello.\n1,Patient,hi uhm,Hi.\n"}, TWO,
         said="2 turns have words under text and others under utterance: text is read (--set "
         "modality.cohort.columns='{text: utterance}' reads utterance)"),
    Case("raw and cleaned words, the raw ones chosen", {"a.csv": "dialogue_id,speaker,utterance,text\n"
         "1,Doctor,hello uh,Hello.\n1,Patient,hi uhm,Hi.\n"}, ["c:hello uh|p:hi uhm"],
         config={"columns": {"text": "utterance"}}),
    Case("a description of the patient", {"a.jsonl": lines(
        {"id": 1, "patient": "A 45-year-old man with a cough.", "turns": HELLO},
        {"id": 2, "patient": "45-jähriger Mann", "turns": HELLO},
        {"id": 3, "patient": "Woman who has been feeling low since the spring", "turns": HELLO})}, TWO * 3,
        patients=["1", "2", "3"], said="3 dialogues have a description in the place of their patient's id"),
    Case("a long name of a patient", {"a.jsonl": lines(
        {"id": 1, "patient": "Maria de la Cruz García López", "turns": HELLO})}, TWO,
        patients=["Maria de la Cruz García López"]),
    Case("a time behind each turn", {"a.txt": "Doctor: Hello. (00:01)\nPatient: Hi (00:04)\nDoctor: Come (10:30).\n"},
         ["c:Hello.|p:Hi|c:Come (10:30)."], said="2 turns held marks"),
    Case("bare numbers of pages", {"a.txt": "Doctor: Hello.\n1\nPatient: Hi.\n\n2\n"}, TWO,
         said="2 lines of a program"),
    Case("one bare number of a page", {"a.txt": "Doctor: Hello.\n\n7\n\nPatient: Hi.\n"}, TWO,
         said="1 lines of a program"),
    Case("numbers that are said", {"a.txt": "Doctor: How many?\nPatient:\n45\nDoctor: Of?\nPatient:\n12\n"},
         ["c:How many?|p:45|c:Of?|p:12"]),
    *(Case(f"the template of {name}", {"a.jsonl": lines({"text": text})}, ["p:Hi.|c:Hello.|p:Note: ill."])
      for name, text in TEMPLATES.items()),
    Case("the template of a chat model in a text file", {"a.txt": TEMPLATES["ChatML"]},
         ["p:Hi.|c:Hello.|p:Note: ill."]),
    Case("lists beside each other", {"a.jsonl": lines({"id": 1, "patient_id": "p", "tags": ["x"], "speakers": [
        "doctor", "patient"], "texts": ["Hello.", "Hi."]})}, TWO, patients=["p"]),
    Case("lists of roles and utterances", {"a.json": json.dumps([{"roles": ["doctor", "patient"], "utterances": [
        "Hello.", "Hi."]}])}, TWO),
    Case("lists beside each other within an object", {"a.json": json.dumps({"dialogues": [
        {"id": 1, "speakers": ["doctor", "patient"], "texts": ["Hello.", "Hi."]},
        {"id": 2, "speakers": ["doctor", "patient"], "texts": ["So?", "Hi."]}]})}, [*TWO, "c:So?|p:Hi."]),
    Case("a prompt by the template of a chat model, and its completion", {"a.jsonl": lines(
        {"prompt": "<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n", "completion": "Hello.<|im_end|>"})},
        ["p:Hi.|c:Hello."]),
    Case("one question with two answers is one patient's", {"a.jsonl": lines({"question": "Hi.", "answer": "Hello."},
        {"question": "Hi.", "answer": "So?"})}, ["p:Hi.|c:Hello.", "p:Hi.|c:So?"],
        patients=["asked in a.jsonl, line 1"] * 2),
    Case("SBV called text", {"a.txt": "0:00:01.000,0:00:02.000\nDoctor: Hello.\n\n"
         "0:00:03.000,0:00:04.000\nPatient: Hi.\n"}, TWO),
    Case("SBV", {"a.sbv": "0:00:01.000,0:00:02.000\nDoctor: Hello.\n\n0:00:03.000,0:00:04.000\nPatient: Hi.\n"}, TWO),
    Case("SubStation Alpha", {"a.ass": "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Name, "
         "MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Default,Doctor,0,0,0,,Hello,"
         "{\\i1}you{\\i0}.\\NWell?\nDialogue: 0,0:00:03.00,0:00:04.00,Default,Patient,0,0,0,,Hi.\n"},
         ["c:Hello,you. Well?|p:Hi."]),
    Case("SubStation Alpha with names before the words", {"a.ssa": "[Events]\n"
         "Dialogue: Marked=0,0:00:01.00,0:00:02.00,Default,,0000,0000,0000,,Doctor: Hello.\n"
         "Dialogue: Marked=0,0:00:03.00,0:00:04.00,Default,,0000,0000,0000,,Patient: Hi.\n"}, TWO),
    Case("turns that are null", {"a.jsonl": lines({"id": 0, "turns": None}, {"id": 1, "turns": HELLO},
         {"id": 2, "messages": None})}, TWO, said="2 × dialogue without turns"),
    Case("a dialogue that is empty in a table", {"a.csv": "id,dialogue\n1,\n2,Doctor: Hello. Patient: Hi.\n"}, TWO,
         said="1 × dialogue without turns"),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name, marks=pytest.mark.field(KIND,
"counted" if c.said else "read"))
                                  for c in READ if c.files])  # fmt: skip
def test_read_as_it_was_said(case: Case, tmp_path: Path) -> None:
    read, patients, said = load(written(tmp_path, case.files), case.config)
    assert read == case.read
    assert patients == case.patients or not case.patients
    assert not case.said or any(case.said in line for line in said)


@dataclass(frozen=True)
class Asked:
    """Files that are refused: words of the message, and what is read when its advice is followed.

    Attributes:
        then: settings in place of those that the message proposes, for a proposal that leaves a choice.
        mended: files in place of those of the same name, for advice about them.
    """

    name: str
    files: Files
    words: tuple[str, ...]
    read: list[str]
    then: Mapping[str, Any] = field(default_factory=dict)
    mended: Files = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def settings_in(message: str) -> dict[str, Any]:
    """The settings that a message proposes, as a shell and then the command line read them."""
    found = re.findall(r"--set (modality\.cohort\.\w+=(?:'(?:[^']|'\"'\"')*'|\S+))", message)
    settings = [shlex.split(word.rstrip(";,)"))[0] for word in found]
    if any("SIDE" in setting for setting in settings):
        return {setting.split("=")[0].removeprefix("modality.cohort."): None for setting in settings}
    config = load_config(DialogueConfig, "dialogue", "demo", settings).modality.cohort
    return {name: getattr(config, name) for setting in settings for name in [setting.split("=")[0].rpartition(".")[2]]}


LABELS = "Participant_ID,PHQ8_Score\n300,2\n301,17\n"
FILE = ("no known column tells one dialogue from another", "modality.cohort.without_id=file")
TURNS = "speaker,text\nDoctor,Hello.\nPatient,Hi.\n"

REFUSED = [
    Asked("DAIC-WOZ, whose interviewer has a name", {"300_TRANSCRIPT.csv": DAIC, "301_TRANSCRIPT.csv": DAIC},
          ("unknown role 'Ellie'", "roles='{Ellie: clinician}'"), [ELLIE_READ] * 2),
    Asked("a name beside a known patient", {"a.jsonl": lines({"turns": turns("Hannah Vogt: Hello.",
         "Patient 12: Hi.")})},
          ("""roles='{"Hannah Vogt": clinician}'""",), TWO),
    Asked("a name beside a known clinician", {"a.jsonl": lines({"turns": turns("Therapist: Hello.",
         "Max O'Neill: Hi.")})},
          ("unknown role", "patient"), TWO),
    Asked("roles that are spelt wrongly", {"a.jsonl": lines({"turns": turns("Terapeut(in): Hello.", "Pateint: Hi.")})},
          ("clinician", "Pateint: patient"), TWO),
    Asked("letters of which one is known", {"a.txt": "P: Hello?\nC: Hi.\n"}, ("{C: SIDE}",), ["c:Hello?|p:Hi."],
          then={"roles": {"P": "clinician", "C": "patient"}}),
    Asked("an agent and a customer", {"a.csv": "call_id,speaker,text\n1,Agent,Hello?\n1,Customer,Hi.\n"},
          ("{Agent: SIDE, Customer: SIDE}",), ["c:Hello?|p:Hi."],
          then={"roles": {"Agent": "clinician", "Customer": "patient"}}),
    Asked("a mother with a name", {"a.txt": "Doctor: Hello.\nPatient: Hi.\nAnna (Mutter): Ja.\n"},
          ("""{"Anna (Mutter)": companion}""",), ["c:Hello.|p:Hi.|x:Ja."]),
    Asked("diarised speakers in one file", {"a.json": json.dumps({"segments": [
        {"speaker": "SPEAKER_00", "text": "Hello?"}, {"speaker": "SPEAKER_01", "text": "Hi."}]})},
        ("{SPEAKER_00: SIDE, SPEAKER_01: SIDE}", "SPEAKER_00 has 1 turns, 1 of them questions"), ["c:Hello?|p:Hi."],
        then={"roles": {"SPEAKER_00": "clinician", "SPEAKER_01": "patient"}}),
    Asked("diarised speakers in several files", {"a.txt": "A: Hello.\nB: Hi.\n", "b.txt": "A: Hi.\nB: Hello.\n"},
          ("{A: SIDE, B: SIDE}", "metadata.csv (file_name,clinician_speaker,patient_speaker)"), [TWO[0],
          "p:Hi.|c:Hello."],
          mended={"metadata.csv": "file_name,clinician_speaker,patient_speaker\na.txt,A,B\nb.txt,B,A\n"}),
    Asked("two names of persons", {"a.txt": "Hanna Vogt: Hello?\nMax Berg: Hi.\n"}, ("SIDE",), ["c:Hello?|p:Hi."],
          then={"roles": {"Hanna Vogt": "clinician", "Max Berg": "patient"}}),
    Asked("a name that is nearly a relative's", {"a.txt": "Bob: Hello?\nAnn: Hi.\n"}, ("{Bob: SIDE, Ann: SIDE}",),
          ["c:Hello?|p:Hi."], then={"roles": {"Bob": "clinician", "Ann": "patient"}}),
    Asked("a list under a heading within a turn", {"a.txt": "Doctor: Hello.\nPatient: Hi.\nMedications: none\n"},
          ("unknown role 'Medications'", "text says that it is no name"), ["c:Hello.|p:Hi. Medications: none"],
          then={"roles": {"Medications": "text"}}),
    Asked("a hundred patients by name", {f"{i:02d}.txt": f"Dr. Vogt: Hello.\nPerson {chr(65 + i)}y: Hi.\n"
                                         for i in range(14)}, ("and 13 more", "modality.cohort.pair=infer"), TWO * 14,
          then={"pair": "infer"}),
    Asked("a table without an id", {"s.csv": "akte,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n2,Doctor,Hello.\n"
          "2,Patient,Hi.\n"}, (*FILE, "columns='{dialogue_id: akte}'"), TWO * 2,
          then={"columns": {"dialogue_id": "Akte"}}),
    Asked("a file for each dialogue, which nothing says", {"a.csv": TURNS, "b.csv": TURNS}, FILE, TWO * 2,
          then={"without_id": "file"}),
    Asked("a JSON file of turns", {"a.json": json.dumps(HELLO)}, FILE, TWO, then={"without_id": "file"}),
    Asked("times that begin again", {"s.csv": "start,speaker,text\n0,Doctor,Hello.\n9,Patient,Hi.\n30,Doctor,So?\n"
          "2,Doctor,Hello.\n5,Patient,Hi.\n"}, FILE, ["c:Hello.|p:Hi.|c:So?|c:Hello.|p:Hi."],
          then={"without_id": "file"}),
    Asked("patients whose sessions nothing tells apart", {"s.csv": "patient_id,akte,speaker,text\np,1,Doctor,Hello.\n"
          "p,1,Patient,Hi.\np,2,Doctor,Hello.\np,2,Patient,Hi.\n"}, ("columns='{session: akte}'",), TWO * 2,
          then={"columns": {"session": "akte"}}),
    Asked("numbers of turns that begin again", {"s.csv": "conversation_id,part,turn,speaker,text\na,x,1,Doctor,Hello.\n"
          "a,x,2,Patient,Hi.\na,y,1,Doctor,Hello.\na,y,2,Patient,Hi!\n"}, ("begin again", "columns='{session: part}'"),
          ["c:Hello.|p:Hi.", "c:Hello.|p:Hi!"]),
    Asked("an id in the first row of a dialogue only",
         {"s.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n,Patient,Hi.\n"
          "2,Doctor,Hello.\n,Patient,Hi.\n"}, ("is empty in 2 rows",), TWO * 2,
          mended={"s.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n2,Doctor,Hello.\n"
          "2,Patient,Hi.\n"}),
    Asked("columns of unknown names",
         {"s.csv": "dialogue_id,wer,was\n1,Doctor,Hello to you.\n1,Patient,Hi to you too.\n"},
          ("its own are dialogue_id, wer, was", "{speaker: "), ["c:Hello to you.|p:Hi to you too."],
          then={"columns": {"speaker": "wer", "text": "was"}}),
    Asked("two kinds of files", {"a.vtt": VTT + cue(1, "Doctor: Hello.") + cue(2, "Patient: Hi."),
                                 "a.txt": "Doctor: Hello.\nPatient: Hi.\n"},
          ("webvtt, text", "modality.cohort.layout=webvtt"), TWO),
    Asked("a quotation mark that swallows rows", {"s.csv": 'dialogue_id,speaker,text\n1,doctor,"okay then\n'
          '1,patient,no never\n1,doctor,"good"\n'}, ("quotation mark",), ["c:okay then|p:no never|c:good"],
          mended={"s.csv": 'dialogue_id,speaker,text\n1,doctor,okay then\n1,patient,no never\n1,doctor,good\n'}),
    Asked("a quotation mark that swallows one row", {"s.csv": 'dialogue_id,speaker,text\n1,doctor,"okay then\n'
          '1,patient,never"\n1,patient,no\n'}, ("a quotation mark is not closed",), ["c:okay then|p:never|p:no"],
          mended={"s.csv": 'dialogue_id,speaker,text\n1,doctor,okay then\n1,patient,never\n1,patient,no\n'}),
    Asked("subtitles in which nobody is named", {"a.vtt": VTT + cue(1, "Hello.") + cue(2, "Hi.")},
          ("has no speaker", "<v Doctor>"), TWO, mended={"a.vtt": VTT + cue(1, "<v Doctor>Hello.") + cue(2,
          "<v Pt>Hi.")}),
    Asked("subtitles with dashes for changes", {"a.srt": "1\n00:00:01,000 --> 00:00:02,000\n- Hello.\n- Hi.\n"},
          ("without a name", "'Doctor: '"), TWO,
          mended={"a.srt": "1\n00:00:01,000 --> 00:00:02,000\n- Doctor: Hello.\n- Patient: Hi.\n"}),
    Asked("text that does not say who speaks", {"a.txt": "Hello.\nHi.\n"}, ("does not say who speaks", "'Doctor: '"),
         TWO,
          mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n"}),
    Asked("two visits in one text", {"a.txt": "Visit 1\nDoctor: Hello.\nPatient: Hi.\n\nVisit 2\nDoctor: So?\n"
          "Patient: Hi.\n"}, ("another dialogue seems to begin",), [*TWO, "c:So?|p:Hi."],
          mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n", "b.txt": "Doctor: So?\nPatient: Hi.\n"}),
    Asked("two visits under dates", {"a.txt": "Session 1 - 2024-01-01\nDoctor: Hello.\nPatient: Hi.\n"
          "Session 2 - 2024-02-01\nDoctor: So?\nPatient: Hi.\n"}, ("line 4: another dialogue seems to begin",),
          [*TWO, "c:So?|p:Hi."],
          mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n", "b.txt": "Doctor: So?\nPatient: Hi.\n"}),
    Asked("two patients in one text", {"a.txt": "Patient ID: 1\nDoctor: Hello.\nPatient: Hi.\n\nPatient ID: 2\n"
          "Doctor: So?\nPatient: Hi.\n"}, ("another dialogue seems to begin",), [*TWO, "c:So?|p:Hi."],
          mended={"a.txt": "Patient ID: 1\nDoctor: Hello.\nPatient: Hi.\n",
                  "b.txt": "Patient ID: 2\nDoctor: So?\nPatient: Hi.\n"}),
    Asked("one column of an unknown name", {"s.csv": "dialogue_id,type,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"},
          ("columns='{speaker: type}'",), TWO),
    Asked("rich text under another name", {"a.txt": "{\\rtf1 Doctor: Hello.}"}, ("is rich text",), TWO,
          mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n"}),
    Asked("a sheet under another name", {"a.csv": b"PK\x03\x04zz"}, ("an office document or an archive",), TWO,
          mended={"a.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"}),
    Asked("a table under another name", {"a.txt": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"},
          ("is a table", ".csv"), TWO, mended={"a.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"}),
    Asked("a damaged file among others", {"a.jsonl": lines({"turns": HELLO}), "b.jsonl": '{"turns": [}\n'},
          ("b.jsonl, line 1 is not valid JSON", "modality.cohort.damaged=skip"), TWO),
    Asked("a recogniser that names nobody", {"a.json": json.dumps({"segments": [{"text": "Hello."}, {"text": "Hi."}]})},
          ("a turn needs a role",), TWO, mended={"a.json": json.dumps({"segments": [
              {"text": "Hello.", "speaker": "doctor"}, {"text": "Hi.", "speaker": "patient"}]})}),
    Asked("a file that is absent", {"a.txt": "Doctor: Hello.\nPatient: Hi.\n",
                                    "metadata.csv": "file_name,patient_id\na.txt,p\nb.txt,q\n"},
          ("names 1 files that are not there", "modality.cohort.absent=skip"), TWO, then={"absent": "skip"}),
    Asked("turns of a dialogue under two patients", {"s.csv": "dialogue_id,patient_id,speaker,text\n1,p,Doctor,Hello.\n"
          "1,q,Patient,Hi.\n"}, ("has 2 patients; give it one",), TWO,
          mended={"s.csv": "dialogue_id,patient_id,speaker,text\n1,q,Doctor,Hello.\n1,q,Patient,Hi.\n"}),
    Asked("an id for every speaker", {"s.csv": "session,participant_id,speaker,text\n1,t,Doctor,Hello.\n"
          "1,p,Patient,Hi.\n2,t,Doctor,Hello.\n2,q,Patient,Hi.\n"}, ("has 2 patients; give it one",), TWO * 2,
          mended={"s.csv": "session,participant_id,speaker,text\n1,p,Doctor,Hello.\n1,p,Patient,Hi.\n"
                  "2,q,Doctor,Hello.\n2,q,Patient,Hi.\n"}),
    Asked("an archive", {"a.zip": b"PK\x03\x04"}, ("unpack it",), TWO,
         mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n"}),
    Asked("a recording", {"a.wav": b"RIFF"}, ("transcribe it first",), TWO,
          mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n"}),
    Asked("documents of a word processor", {"a.docx": b"PK\x03\x04", "b.docx": b"PK\x03\x04"},
          ("2 × .docx", "plain text (.txt, UTF-8)"), TWO, mended={"a.txt": "Doctor: Hello.\nPatient: Hi.\n"}),
    Asked("a sheet", {"a.xlsx": b"PK\x03\x04"}, ("CSV (UTF-8)",), TWO,
          mended={"a.csv": "dialogue_id,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"}),
    Asked("Cyrillic in a Windows code page", {"a.txt": "Врач: Как вы себя чувствуете?\nПациент: Хорошо.\n"
          .encode("cp1251")}, ("save it as UTF-8",), ["c:Как вы себя чувствуете?|p:Хорошо."],
          mended={"a.txt": "Врач: Как вы себя чувствуете?\nПациент: Хорошо.\n"}),
    Asked("Chinese in a code page", {"a.csv": "dialogue_id,speaker,text\n1,Doctor,你好吗？\n1,Patient,咳嗽。\n"
          .encode("gbk")},
          ("save it as UTF-8",), ["c:你好吗？|p:咳嗽。"],
          mended={"a.csv": "dialogue_id,speaker,text\n1,Doctor,你好吗？\n1,Patient,咳嗽。\n"}),
    Asked("two people in one name", {"a.txt": "Doctor: Hello.\nDoctor/Patient: Yes.\nPatient: Hi.\n"},
          ('{"Doctor/Patient": SIDE}',), ["c:Hello.|p:Hi."], then={"roles": {"Doctor/Patient": "nobody"}}),
    Asked("a patient who is an object without an id", {"a.jsonl": lines({"patient": {"age": 4}, "turns": HELLO})},
          ("an object without an id",), TWO, mended={"a.jsonl": lines({"patient": {"id": 4}, "turns": HELLO})}),
    Asked("ids that a spreadsheet has rounded", {"a.jsonl": lines({"patient_id": "1.2E+11", "turns": HELLO})},
          ("a spreadsheet has rounded them",), TWO, mended={"a.jsonl": lines({"patient_id": "120000000001",
          "turns": HELLO})}),
    Asked("two patients in a dialogue", {"a.jsonl": lines({"turns": turns("doctor: Hello.", "Patient 1: Hi.",
                                                                          "Patient 2: Ho.")})},
          ("dialogue of several patients", "modality.cohort.roles"), ["c:Hello.|p:Hi.|x:Ho."],
          then={"roles": {"Patient 2": "companion"}}),
    Asked("a release of synthetic dialogues", {"a.jsonl": lines(
        {"dialogue_id": "SYNTHETIC-000001", "patient_id": "SYNTHETIC-P00001", "turns": HELLO})},
        ("synthetic release", "modality.cohort.synthetic=take"), TWO),
    Asked("lists beside each other of two lengths", {"a.jsonl": lines({"speakers": ["doctor", "patient"],
          "texts": ["Hello."]})}, ("lists of different lengths",), TWO,
          mended={"a.jsonl": lines({"speakers": ["doctor", "patient"], "texts": ["Hello.", "Hi."]})}),
    Asked("subtitles in TTML", {"a.ttml": "<tt/>"}, ("1 × .ttml", "save it as WebVTT"), TWO,
          mended={"a.vtt": VTT + cue(1, "Doctor: Hello.") + cue(2, "Patient: Hi.")}),
    Asked("a record without turns, of which no column is a speaker's", {"a.jsonl": lines(
          {"id": 1, "topic": "sleep", "summary": "Cannot sleep at night."})},
          ("no dialogue here", "speaker: NAME"), TWO, mended={"a.jsonl": lines({"id": 1, "turns": HELLO})}),
    Asked("a column that the settings misname", {"s.csv": "nr,speaker,text\n1,Doctor,Hello.\n1,Patient,Hi.\n"},
          ("columns names a dialogue_id that is not there", "nr, speaker, text"), TWO,
          config={"columns": {"dialogue_id": "number"}}, then={"columns": {"dialogue_id": "nr"}}),
]  # fmt: skip


@pytest.mark.parametrize(
    "asked", [pytest.param(a, id=a.name, marks=pytest.mark.field(KIND, "refused")) for a in REFUSED]
)
def test_refused_with_advice_that_works(asked: Asked, tmp_path: Path) -> None:
    folder = written(tmp_path, asked.files)
    with pytest.raises(UserError) as caught:
        load(folder, asked.config)
    message = str(caught.value)
    assert "\n" not in message and "Hello" not in message
    for word in asked.words:
        assert word in message, message
    proposed = settings_in(message)
    for name in asked.then:
        assert name in {*proposed, *asked.config} or f"modality.cohort.{name}" in message or name == "roles"
    if asked.mended:
        for name in asked.files:
            (folder / name).unlink()
        written(folder, {**asked.files, **asked.mended} if "metadata.csv" in asked.mended else asked.mended)
    followed = asked.then or ({} if asked.mended else proposed)
    assert load(folder, {**asked.config, **followed})[0] == asked.read


@pytest.mark.field(KIND, "read")
def test_integers_that_pandas_has_made_floats(tmp_path: Path) -> None:
    rows = [
        {"dialogue_id": id_, "patient_id": patient, "speaker": who, "text": text}
        for id_, patient in ((1, 7.0), (2, 7.0), (3, None))
        for who, text in (("Doctor", "Hello."), ("Patient", "Hi."))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert load(tmp_path, {})[:2] == (TWO * 3, ["7", "7", "3"])


@pytest.mark.field(KIND, "read")
def test_a_release_read_back_as_candidates(tmp_path: Path) -> None:
    dialogue = Dialogue((Turn("clinician", "Hello."), Turn("patient", "Hi.")))
    write_release(tmp_path, lambda: [(n, Synthetic(0, DialogueCondition(case=n), dialogue)) for n in range(3)])
    read = load_candidates(tmp_path, CohortConfig(), Silent())
    assert sorted(name for name, _ in read) == ["SYNTHETIC-000000", "SYNTHETIC-000001", "SYNTHETIC-000002"]
    assert [one.turns for _, one in read] == [dialogue.turns] * 3


@pytest.mark.field(KIND, "refused")
def test_a_release_in_the_place_of_a_cohort(tmp_path: Path) -> None:
    dialogue = Dialogue((Turn("clinician", "Hello."), Turn("patient", "Hi.")))
    write_release(tmp_path, lambda: [(n, Synthetic(0, DialogueCondition(case=n), dialogue)) for n in range(3)])
    with pytest.raises(UserError, match="all 3 dialogues are of a synthetic release") as caught:
        load(tmp_path, {})
    read, patients, said = load(tmp_path, settings_in(str(caught.value)))
    assert read == TWO * 3 and len(set(patients)) == 3
    assert any("taken for patients'" in line for line in said)


@pytest.mark.field(KIND, "refused")
def test_advice_where_there_is_no_such_setting(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TURNS)
    offered = frozenset({"roles", "emotions"})
    with pytest.raises(UserError, match="JSON lines such as") as caught:
        load_cohort(tmp_path, CohortConfig(), Silent(), key="modality.generator", offered=offered)
    assert "--set" not in str(caught.value)


@pytest.mark.field(KIND, "refused")
def test_no_map_of_columns_is_proposed_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines({"id": 1, "topic": "sleep", "summary": "Cannot sleep at night."}))
    with pytest.raises(UserError, match="no dialogue here") as caught:
        load(tmp_path, {})
    assert "speaker: topic" not in str(caught.value)
