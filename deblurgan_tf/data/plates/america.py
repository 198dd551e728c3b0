"""Number plates of the United States: titles, slogans, colours and formats."""

import functools

import numpy as np

from deblurgan_tf.data.plates.spec import (
    Color,
    Layout,
    Plate,
    State,
    chance,
    fill,
    pattern,
    pick,
)

_WHITE: Color = (238, 239, 236)
_CREAM: Color = (240, 234, 208)
_NAVY: Color = (24, 36, 92)
_BLUE: Color = (30, 72, 152)
_RED: Color = (184, 30, 44)
_GREEN: Color = (20, 88, 60)
_BLACK: Color = (28, 28, 32)
_GOLD: Color = (232, 184, 60)
_SKY: Color = (150, 196, 226)


def _state(
    name: str,
    title: str,
    look: tuple[str, Color, Color, Color],
    formats: str,
    slogan: str = "",
    scene: str = "plain",
    tint: Color = _SKY,
    emblem: str = "dot",
) -> State:
    """A `State` from a short form.

    look: font of the title, colour of the title, of the plate and of its glyphs;
    formats: alternatives, separated by `|`.
    """
    forms = tuple(formats.split("|"))
    font, title_color, paper, ink = look
    return State(
        name, title, font, title_color, paper, ink, forms,
        pattern(forms), slogan, scene, tint, emblem,
    )  # fmt: skip


# fmt: off
STATES: tuple[State, ...] = (
    _state("alabama", "Alabama", ("serif", _RED, _WHITE, _RED), "#@####@|##@#@#@",
           "Heart of Dixie", "top", (40, 70, 170)),
    _state("alaska", "ALASKA", ("sans", _BLUE, (244, 200, 44), _NAVY), "@@@ ###",
           "The Last Frontier", "plain"),
    _state("arizona", "ARIZONA", ("serif", (20, 96, 96), (220, 232, 226),
           (20, 70, 66)), "@@@####|###·@@@", "GRAND CANYON STATE", "hills",
           (112, 52, 120)),
    _state("arkansas", "Arkansas", ("serif", _RED, _WHITE, _BLACK), "###*@@@|@@@ ##@",
           "The Natural State", "map", (206, 210, 216), "disc"),
    _state("california", "California", ("script", _RED, _WHITE, _NAVY), "#@@@###",
           "", "plain"),
    _state("colorado", "COLORADO", ("sans", _WHITE, (20, 92, 60), _WHITE),
           "@@@ ###|@@@·@##", "", "peaks", (12, 66, 44)),
    _state("connecticut", "Connecticut", ("serif", _NAVY, (232, 240, 244), _NAVY),
           "###·@@@|@@ #####", "Constitution State", "rise", (112, 166, 212)),
    _state("delaware", "THE FIRST STATE", ("sans", _GOLD, (22, 44, 104), _GOLD),
           "######", "DELAWARE", "plain"),
    _state("florida", "MYFLORIDA.COM", ("serif", _GREEN, _WHITE, _GREEN),
           "@@@*@##|@##*#@@", "SUNSHINE STATE", "map", (196, 220, 204), "fruit"),
    _state("georgia", "GEORGIA", ("serif", _BLACK, _WHITE, _BLACK), "@@@ ####|@@@*####",
           "IN GOD WE TRUST", "map", (246, 214, 186), "fruit"),
    _state("hawaii", "HAWAII", ("sans", _BLACK, _WHITE, _BLACK), "@@@ ###",
           "ALOHA STATE", "sun", (236, 160, 170)),
    _state("idaho", "IDAHO", ("serif", _RED, (238, 240, 244), _NAVY),
           "#@ #####|#@·@#####", "Famous Potatoes", "hills", (124, 160, 140)),
    _state("illinois", "Illinois", ("script", _RED, (224, 232, 242), _NAVY),
           "@@ #####|@## ####", "Land of Lincoln", "rise", (140, 178, 220)),
    _state("indiana", "INDIANA", ("sans", _NAVY, _WHITE, _NAVY), "###@@@|###@@",
           "", "fade", (136, 172, 214)),
    _state("iowa", "IOWA", ("sans", _BLUE, _WHITE, (26, 48, 104)), "@@@ ###|### @@@",
           "", "rise", (130, 180, 220)),
    _state("kansas", "KANSAS", ("sans", _NAVY, (206, 222, 236), _NAVY), "### @@@",
           "", "sun", (226, 216, 172)),
    _state("kentucky", "KENTUCKY", ("serif", _NAVY, (220, 232, 244), _NAVY), "### @@@",
           "Unbridled Spirit", "hills", (140, 176, 140)),
    _state("louisiana", "Louisiana", ("script", _RED, _WHITE, _NAVY), "### @@@",
           "Sportsman's Paradise", "fade", (240, 208, 150)),
    _state("maine", "Maine", ("serif", _GREEN, _WHITE, _GREEN), "#### @@|###·@@@",
           "Vacationland", "hills", (130, 164, 140)),
    _state("maryland", "MARYLAND", ("serif", _BLACK, _WHITE, _BLACK), "#@@####|@@@ ###",
           "", "bands", (214, 166, 48)),
    _state("massachusetts", "Massachusetts", ("serif", _BLUE, _WHITE, _RED),
           "###·@@#|#@@ @##|#### @@", "The Spirit of America", "plain"),
    _state("michigan", "MICHIGAN", ("sans", _WHITE, _WHITE, _NAVY), "@@@ ####|@@@ ###",
           "", "top", (36, 84, 164)),
    _state("minnesota", "Minnesota", ("serif", _BLUE, (226, 238, 246), _NAVY),
           "###·@@@|@@@·###", "10,000 lakes", "hills", (104, 150, 128)),
    _state("missouri", "MISSOURI", ("serif", _NAVY, _WHITE, _NAVY), "@@# @#@|@@@ ###",
           "Show-Me State", "rise", (150, 192, 214)),
    _state("montana", "MONTANA", ("sans", _WHITE, (38, 70, 138), _WHITE),
           "###·###@|#·#####@", "Treasure State", "plain"),
    _state("nevada", "NEVADA", ("serif", _NAVY, (214, 226, 234), _NAVY),
           "###·@@@|##@·###", "The Silver State", "peaks", (176, 188, 200)),
    _state("new_jersey", "NEW JERSEY", ("sans", _BLACK, _CREAM, _BLACK),
           "@##·@@@|@@@·##@", "Garden State", "fade", (240, 206, 96)),
    _state("new_mexico", "New Mexico", ("serif", _RED, (244, 208, 70), _RED),
           "###·@@@|@@@·###", "Land of Enchantment", "sun", (236, 190, 40)),
    _state("new_york", "NEW YORK", ("serif", _GOLD, _WHITE, (26, 40, 96)),
           "@@@ ####|@@@·####", "EMPIRE STATE", "bands", (24, 40, 100)),
    _state("north_carolina", "North Carolina", ("script", _RED, _WHITE, _BLUE),
           "@@@·####", "First in Flight", "hills", (196, 208, 190)),
    _state("ohio", "OHIO", ("serif", _RED, _WHITE, _NAVY), "@@@ ####",
           "Birthplace of Aviation", "rise", (150, 190, 226)),
    _state("oregon", "Oregon", ("serif", _BLUE, (216, 226, 240), _NAVY),
           "### @@@|###*@@@", "", "peaks", (172, 172, 206), "tree"),
    _state("pennsylvania", "PENNSYLVANIA", ("sans", _WHITE, _WHITE, _NAVY), "@@@·####",
           "visitPA.com", "bands", (40, 84, 164)),
    _state("south_carolina", "South Carolina", ("script", _BLUE, _CREAM, _NAVY),
           "@@@ ###|### #@@", "While I Breathe I Hope", "rise", (240, 190, 140)),
    _state("tennessee", "TENNESSEE", ("serif", _GREEN, _WHITE, _BLACK),
           "@##·##@|###·@@@", "The Volunteer State", "hills", (140, 190, 140)),
    _state("texas", "TEXAS", ("sans", _BLACK, _WHITE, _BLACK),
           "@@@·####|@@# @###|@##·@@@", "The Lone Star State", "plain"),
    _state("utah", "UTAH", ("sans", _NAVY, _CREAM, _NAVY), "@## #@@|### @@@",
           "Life Elevated", "peaks", (226, 150, 100)),
    _state("vermont", "VERMONT", ("sans", _WHITE, (18, 92, 60), _WHITE), "@@@ ###",
           "Green Mountain State", "plain"),
    _state("virginia", "VIRGINIA", ("sans", _NAVY, _WHITE, _NAVY), "@@@·####|@@@ ###",
           "", "plain"),
    _state("washington", "WASHINGTON", ("serif", _RED, _WHITE, _BLUE),
           "@@@####|### @@@", "EVERGREEN STATE", "peaks", (196, 214, 236)),
    _state("washington_dc", "WASHINGTON, DC", ("sans", _BLUE, _WHITE, _BLUE), "@@*####",
           "TAXATION WITHOUT REPRESENTATION", "plain", _RED, "bars"),
    _state("wisconsin", "WISCONSIN", ("serif", _RED, _WHITE, _BLACK),
           "###·@@@|@@@·####", "America's Dairyland", "rise", (176, 206, 230)),
    _state("wyoming", "WYOMING", ("sans", (92, 60, 40), (224, 232, 238), (60, 40, 32)),
           "##·#####|##*####", "", "peaks", (186, 200, 214), "disc"),
)
# fmt: on

_STATE_FONTS = (
    ("routed_narrow", 4, 0.7), ("routed_narrow", 7, 0.9), ("highway_c", 0, 0.7),
    ("highway_c", 3, 0.8), ("din", -2, 0.8), ("routed_narrow", 5, 1.0),
)  # fmt: skip
_CORNERS = ((0.17, 0.09), (0.83, 0.09), (0.17, 0.91), (0.83, 0.91))
_WORDS = (
    "BIGDOG", "GOTSNOW", "IMLATE", "SURFN", "MYTOY", "ROADRNR", "GRAMPA", "FLYHGH",
    "HOTROD", "SKIBUM", "LUVMUD", "FISHN1", "2FAST4U", "COFFEE", "BEACHY", "ZOOMIN",
)  # fmt: skip


def _america(rng: np.random.Generator, state: State) -> Plate:
    # Owners choose some texts themselves; the layout's pattern matches these words too.
    if chance(rng, 0.06):
        row = pick(rng, _WORDS)
    else:
        row = fill(rng, pick(rng, state.formats))
    font, weight, pitch = pick(rng, _STATE_FONTS)
    tall = float(rng.uniform(-0.02, 0.025))
    return Plate(
        f"us_{state.name}",
        (row,),
        aspect=float(rng.choice([2.0, 2.0, 2.0, 1.78])),
        paper=state.paper,
        ink=state.ink,
        font=font,
        weight=weight + int(rng.integers(3)),
        pitch=pitch,
        box=(0.045, 0.245 - tall, 0.955, 0.78 + tall),
        border=state.ink if chance(rng, 0.15) else None,
        emblem=state.emblem,
        bolts=_CORNERS if chance(rng, 0.5) else _CORNERS[:2],
        state=state,
        radius=0.09,
    )


LAYOUTS: tuple[Layout, ...] = tuple(
    Layout(
        f"us_{state.name}",
        "america",
        f"{state.pattern}|{'|'.join(_WORDS)}",
        2.0,
        functools.partial(_america, state=state),
    )
    for state in STATES
)
