"""The web page's store of computed answers."""

from ttt_rllib.play.web.lru_cache import LruCache


def test_a_store_forgets_what_was_used_least_recently():
    made = []
    store = LruCache(2)
    for key in "abacb":
        assert store.get(key, lambda key=key: made.append(key) or key.upper()) == key.upper()
    # c drives b out, which a's second use had made the older one.
    assert (made, len(store)) == (["a", "b", "c", "b"], 2)
