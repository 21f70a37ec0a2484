"""European text in one-byte encodings: detected with certainty, or rejected with the candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.reader import ReadOptions, Rejected, open_table

#: Sentences of job offers and letters, by language.
SENTENCES = {
    "Czech": (
        "Hledáme zkušeného vývojáře do našeho týmu. Nabízíme přátelské prostředí a pružnou pracovní dobu. "
        "Těšíme se na váš životopis. Práce je vhodná i pro uchazeče bez praxe. Děkujeme, že jste si přečetli "
        "naši nabídku."
    ),
    "Slovak": (
        "Hľadáme skúseného vývojára do nášho tímu. Ponúkame príjemné prostredie a pružný pracovný čas. "
        "Tešíme sa na váš životopis. Práca je vhodná aj pre uchádzačov bez praxe. Ďakujeme, že ste si "
        "prečítali našu ponuku."
    ),
    "Polish": (
        "Szukamy doświadczonego programisty do naszego zespołu. Oferujemy przyjazną atmosferę i elastyczne "
        "godziny pracy. Prosimy o przesłanie życiorysu. Praca jest również dla osób bez doświadczenia. "
        "Dziękujemy za przeczytanie ogłoszenia."
    ),
    "Hungarian": (
        "Tapasztalt fejlesztőt keresünk csapatunkba. Barátságos légkört és rugalmas munkaidőt kínálunk. "
        "Várjuk önéletrajzát. A munka gyakorlat nélküli jelentkezőknek is megfelelő. Köszönjük, hogy "
        "elolvasta hirdetésünket, üdvözlettel Győző."
    ),
    "Romanian": (
        "Căutăm un programator cu experienţă pentru echipa noastră. Oferim un mediu prietenos şi program "
        "flexibil. Aşteptăm cu interes scrisoarea dumneavoastră. Postul este potrivit şi pentru candidaţi "
        "fără experienţă. Vă mulţumim."
    ),
    "Croatian": (
        "Tražimo iskusnog programera za naš tim. Nudimo ugodno okruženje i fleksibilno radno vrijeme. "
        "Veselimo se vašem životopisu. Posao je pogodan i za one koji počinju. Hvala što ste pročitali našu "
        "ponudu, doći ćemo uskoro, gospođo."
    ),
    "Turkish": (
        "Ekibimiz için deneyimli bir yazılımcı arıyoruz. Samimi bir ortam ve esnek çalışma saatleri "
        "sunuyoruz. Özgeçmişinizi bekliyoruz. İş deneyimi olmayanlar da başvurabilir. İlanımızı okuduğunuz "
        "için teşekkür ederiz, görüşmek üzere."
    ),
    "German": (
        "Wir suchen einen erfahrenen Entwickler für unser Team. Wir bieten eine freundliche Atmosphäre und "
        "flexible Arbeitszeiten. Wir freuen uns über Ihre Bewerbung. Die Stelle ist auch für Anfänger "
        "geeignet. Schöne Grüße aus Köln."
    ),
    "French": (
        "Nous recherchons un développeur expérimenté pour notre équipe. Nous offrons une ambiance agréable "
        "et des horaires flexibles. Nous espérons recevoir votre candidature très bientôt. Le poste convient "
        "aux débutants. Merci d'être là, à demain."
    ),
    "Spanish": (
        "Buscamos un programador con experiencia para nuestro equipo. Ofrecemos un ambiente agradable y un "
        "horario flexible. Esperamos su solicitud mañana. El puesto también es para jóvenes sin formación. "
        "¿Tiene preguntas? ¡Escríbanos según prefiera!"
    ),
    "Portuguese": (
        "Procuramos um programador experiente para a nossa equipa. Oferecemos um ambiente agradável e "
        "horário flexível. Aguardamos a sua inscrição até amanhã. A função também é para pessoas sem "
        "experiência. Obrigado pela atenção e até à próxima."
    ),
    "Italian": (
        "Cerchiamo uno sviluppatore esperto perché la società cresce. La città è bella e l'orario è "
        "flessibile. Potrà lavorare più vicino. Il posto è adatto anche a chi non ha esperienza, però è "
        "necessaria curiosità. Così sarà più facile."
    ),
    "Swedish": (
        "Vi söker en erfaren utvecklare till vårt lag. Vi erbjuder en trevlig miljö och flexibla "
        "arbetstider. Vi ser fram emot din ansökan. Tjänsten passar även dig utan erfarenhet. Tack för att "
        "du läste ända hit, hälsningar från Göteborg."
    ),
    "Danish": (
        "Vi søger en erfaren udvikler til vores hold. Vi tilbyder et rart miljø og fleksible arbejdstider. "
        "Vi glæder os til at høre fra dig. Stillingen er også for dig uden erfaring. Tak fordi du læste med, "
        "hilsen fra København og Århus."
    ),
    "Finnish": (
        "Etsimme kokenutta kehittäjää tiimiimme. Tarjoamme mukavan ympäristön ja joustavat työajat. Odotamme "
        "hakemustasi. Työ sopii myös aloittelijalle. Kiitos, että luit ilmoituksemme, nähdään pian "
        "Jyväskylässä."
    ),
    "Lithuanian": (
        "Ieškome patyrusio programuotojo į mūsų komandą. Siūlome malonią aplinką ir lankstų darbo laiką. "
        "Laukiame jūsų gyvenimo aprašymo. Darbas tinka ir žmonėms be patirties. Ačiū, kad perskaitėte mūsų "
        "skelbimą, iki pasimatymo rytoj čia."
    ),
}
WESTERN = ("cp1252", "iso8859-1", "iso8859-15")
CENTRAL = ("cp1250", "iso8859-2")
ENCODINGS = {
    **dict.fromkeys(("Czech", "Slovak", "Polish", "Hungarian", "Romanian", "Croatian"), CENTRAL),
    **dict.fromkeys(("German", "French", "Spanish", "Portuguese", "Italian", "Swedish", "Danish", "Finnish"), WESTERN),
    "Turkish": ("cp1254", "iso8859-9"),
    "Lithuanian": ("cp1257", "iso8859-13"),
}
CASES = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]


def cells(language: str) -> list[str]:
    """Return 24 rows of sentences, and of their single words."""
    sentences = [sentence.strip() for sentence in SENTENCES[language].replace("? ", ". ").split(". ")]
    return [*sentences, *SENTENCES[language].replace(",", "").split()][:24]


def texts(data: bytes, folder: Path, options: ReadOptions | None = None) -> list[object]:
    (folder / "f.csv").write_bytes(data)
    with open_table(folder / "f.csv", spool=folder, options=options or ReadOptions()) as table:
        return list(table.read(0, table.rows).columns["text"])


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_table_in_a_european_language_is_read_right(language: str, encoding: str, tmp_path: Path) -> None:
    written = cells(language)

    found = texts(table(written).encode(encoding), tmp_path)

    assert found == written


def table(written: list[str], repeat: int = 1) -> str:
    lines = [f'{number},"{text}"' for number, text in enumerate(written * repeat)]
    return "\n".join(["id,text", *lines, ""])


@pytest.mark.parametrize(("language", "encoding"), CASES)
@pytest.mark.parametrize("case", [str.upper, str.title, str.lower])
def test_words_alone_are_read_right_or_refused(language: str, encoding: str, case: type, tmp_path: Path) -> None:
    """A few letters may do for a short table: what is read is what was written, else nothing is read."""
    for start in range(0, 20, 5):
        words = [case(word) for word in SENTENCES[language].replace(",", "").split()[start : start + 5]]
        data = table(words).encode(encoding, "ignore")
        if sum(byte > 127 for byte in data) < 5:
            continue
        ended = outcome(data, tmp_path)
        if isinstance(ended, str):
            assert "(considered: utf-8, utf-16, " in ended
            assert "--encoding" in ended
        else:
            assert ended == [word.encode(encoding, "ignore").decode(encoding) for word in words]


def outcome(data: bytes, folder: Path) -> list[object] | str:
    try:
        return texts(data, folder)
    except Rejected as error:
        return error.reason


NAMES = {
    "cp1252": "Müller Lefèvre García Sørensen Gonçalves Bjørk Åström Núñez François Böhm Zoë José João Inês Çelik",
    "iso8859-1": "Hélène Andrée Frédéric Mère Père Zoé Léa Chloé Rémi Thérèse Hervé Élodie",
    "cp1250": "Łukasz Wiśniewski Wójcik Kamiński Woźniak Dąbrowski Zieliński Szymański Małgorzata Jabłoński",
    "iso8859-2": "Novák Dvořák Černý Procházka Kučera Veselý Krejčí Němec Pokorný Růžička Šimek",
    "cp1254": "Yılmaz Şahin Öztürk Aydın Özdemir Doğan Kılıç Çelik Güneş İnönü Ağaoğlu",
}


@pytest.mark.parametrize("encoding", NAMES)
def test_names_alone_tell_their_encoding(encoding: str, tmp_path: Path) -> None:
    names = NAMES[encoding].split()

    assert texts(table(names, 2).encode(encoding), tmp_path) == names * 2


def test_signs_without_letters_are_western(tmp_path: Path) -> None:
    signs = ["10 €", "5 – 6 °C", "“quoted”", "don’t", "§ 5", "© 2024"]

    assert texts(table(signs, 4).encode("cp1252"), tmp_path) == signs * 4


@pytest.mark.parametrize(("word", "encoding", "other"), [("Erdő", "cp1250", "cp1252"), ("Şişli", "cp1254", "cp1252")])
def test_one_word_is_no_evidence_and_the_refusal_names_what_it_may_be(
    word: str, encoding: str, other: str, tmp_path: Path
) -> None:
    data = table(["a", word, "b"]).encode(encoding)

    with pytest.raises(Rejected) as caught:
        texts(data, tmp_path)

    assert {encoding, other} <= set(caught.value.reason.replace(",", "").split())
    assert texts(data, tmp_path, ReadOptions(encoding=encoding)) == ["a", word, "b"]
