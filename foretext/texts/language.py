"""In which language a text is, as far as its script and its small words show it; else "undetermined".

A handful of languages is told apart. A short text, one without letters, and one whose small words speak for several
languages are undetermined: no guess is made. A text is judged by its sentences, so a mixture has several languages.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

UNDETERMINED = "undetermined"
FEWEST_WORDS = 4  # of a sentence whose small words are counted
FEWEST_LETTERS = 4  # of a script that only one language uses
EVIDENCE = 1.5  # different small words of a language; a word that several share counts for a part in each
CLEARLY = 1.25  # how many times as much evidence as for the next language
SHARE = 0.2  # of the words of a sentence, those that are small words of its language
LONGEST = 4_000  # characters of a text that are looked at

_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NO_WORDS = re.compile(r"\S+://\S+|www\.\S+|\S+@\S+|<[^>]{1,200}>")
_SENTENCES = re.compile(r"(?<=[.!?…。！？])\s+|\n+|\s+[/|—–]\s+")

# The most frequent words of each language that carry grammar.
_SMALL = {
    "English": "the of and to a in is was that it for on with as he his at by be this had not are but from or "
    "have an they which you were she her there been their we has when who will more no if out so what "
    "up its about than into them can my i your me do did how all would could just like very one any "
    "some only other then these",
    "German": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an "
    "werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war "
    "haben nur oder aber vor zur bis mehr durch man sein wurde sei ich wir wenn mein kein hier ihr "
    "mir uns sehr schon",
    "French": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se le ce il sont "
    "avec son nous comme mais ou si leur y dit elle aux cette ces deux ont être tout vous sa ils "
    "était je bien fait très sans même j'ai c'est n'est qu'il d'un d'une l'on on mon ma mes ses lui "
    "peut",
    "Spanish": "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o "
    "este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos "
    "durante uno ni contra otros ese eso ante ellos e esto mí antes qué es son fue está era ha mi "
    "tiene",
    "Italian": "di e il la che in a per un è del non una con i le da si al lo come più ma gli alla anche della "
    "dei nel delle sono o ha se questo nella su ci dal ai era suo mi sua tra loro quando tutto hanno "
    "essere io molto stato perché dalla quella cosa così degli all'altro dell'anno mia mio",
    "Portuguese": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das "
    "tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era "
    "depois sem mesmo aos ter seus quem nas me esse eles você são minha meu",
    "Dutch": "de en van het een in is dat op te zijn met voor niet aan er die om ook als dan maar bij of uit "
    "nog naar heeft worden door over ze zich hij was wordt tot kan je ik mijn dit had haar hun zo wat "
    "meer geen werd al we deze wel hebben veel onder toch zou kunnen moet ons",
    "Swedish": "och i att det som en på är av för med den till inte har de om ett han men var jag sig från vi så "
    "kan när år under också efter eller nu sin där vid mot ska skulle kommer ut får finns vara hade "
    "alla andra mycket än här då hon bara inom blir mig min",
    "Danish": "og i at det er en til af den på for med der de ikke har som et om men var jeg sig fra vi så kan "
    "når år efter eller nu sin hvor ved mod skal ville kommer ud være havde alle andre meget end her "
    "da hun kun bliver mig min blev hans nogle også noget hvad dette",
    "Polish": "i w na z do się nie że to jest o jak a po co tak za od przez dla był ale już tylko przy są może "
    "który czy ze jego jej gdy tym ich było oraz być ma które bardzo tego także lub jeszcze ja ten ta "
    "pan mnie",
    "Finnish": "ja on ei se että oli en hän mutta ovat kun niin myös joka kuin tai sen vain jos hänen nyt ole "
    "mitä sitä tämä voi vielä ne kanssa mukaan jo sekä olla jossa ollut minä sinä minun siitä jälkeen "
    "koska",
    "Turkish": "ve bir bu da de için ile çok ne gibi daha olarak ama o en kadar sonra var ben değil her olan ki "
    "ya mi şey bana mı biz sen ise iki diye yok olduğu olduğunu onun kendi",
    "Russian": "и в не на что я с он как это по но из у за от к так его же все о то бы была был они для мы "
    "только уже вы когда если меня ее или нет ему есть ты до мне еще при чтобы этот быть",
    "Ukrainian": "і в не на що я з він як це та але із у за від до так його же всі про то була був вони для ми "
    "тільки вже ви коли якщо мене її або ні йому є ти й мені ще при щоб цей бути яка який",
}
# Scripts, by the characters in them, and the one language that most likely uses them; Latin and Cyrillic have several.
_SCRIPTS = (
    ("Japanese", re.compile("[\u3040-\u30ff]")),
    ("Korean", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("Chinese", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("Greek", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("Hebrew", re.compile("[\u0590-\u05ff]")),
    ("Arabic script", re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    ("Devanagari script", re.compile("[\u0900-\u097f]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)
# English words, and names in English texts, that are small words elsewhere: they speak for no other language alone.
_SMALL["English"] += (
    " man men am hat war over die ten pan ale van met hun dem den des par pour sans plus son non real era come per con"
    " un se si do os ha mi ma me de la el le al il den van der da dos san bin pas son per mot fin be"
)
_LANGUAGES: dict[str, list[str]] = {}
for _language, _text in _SMALL.items():
    for _word in dict.fromkeys(_text.split()):
        _LANGUAGES.setdefault(_word, []).append(_language)


def languages(text: str) -> dict[str, int]:
    """The languages of a text and the letters in each, the one with most letters first; empty: undetermined."""
    found: Counter[str] = Counter()
    for sentence in _SENTENCES.split(_NO_WORDS.sub(" ", text[:LONGEST])):
        if (language := _of_sentence(sentence)) is not None:
            found[language] += sum(map(str.isalpha, sentence))
    return dict(found.most_common())


def language(text: str) -> str:
    """The language of most of a text, or "undetermined"."""
    return next(iter(languages(text)), UNDETERMINED)


def _of_sentence(sentence: str) -> str | None:
    letters = sum(map(str.isalpha, sentence))
    if not sentence.isascii():
        for name, script in _SCRIPTS:
            count = len(script.findall(sentence))
            if count >= FEWEST_LETTERS and (2 * count >= letters or (name == "Japanese" and 4 * count >= letters)):
                return name
    return _of_small_words(sentence)


def _of_small_words(sentence: str) -> str | None:
    words = _WORDS.findall(sentence.casefold().replace("’", "'"))
    if len(words) < FEWEST_WORDS:
        return None
    hits = Counter(language for word in words for language in _LANGUAGES.get(word, ()))
    evidence: dict[str, float] = defaultdict(float)
    for word in sorted(set(words)):
        for language in _LANGUAGES.get(word, ()):
            evidence[language] += 1 / len(_LANGUAGES[word])
    if not hits:
        return None
    (best, most), *others = sorted(evidence.items(), key=lambda one: (-one[1], one[0]))
    next_most = others[0][1] if others else 0.0
    clear = most >= max(EVIDENCE, CLEARLY * next_most) and hits[best] >= SHARE * len(words)
    return best if clear else None
