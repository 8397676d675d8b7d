from typing import NamedTuple
from ttt_envs.game import Game
class KnownValue(NamedTuple):
    value: int
    source: str
def known_value(game: Game) -> KnownValue | None:
    return KnownValue(1, "Allis") if game == Game(6, 7, 4, True) else KnownValue(0,"") if game == Game(5,5,4,True) else None
