from weightscape.seeds import generator, seed


def test_a_seed_depends_on_every_part_and_on_their_order() -> None:
    seeds = {
        seed(0, "finetune", "digits", 1),
        seed(1, "finetune", "digits", 0),
        seed(0, "finetune", "digits", 2),
    }
    assert len(seeds) == 3


def test_parts_do_not_run_together() -> None:
    assert seed("ab", "c") != seed("a", "bc")
    assert seed(1) != seed("1")


def test_a_seed_is_the_same_on_every_machine() -> None:
    assert seed("finetune", "digits", 0) == 7991969307966141326


def test_streams_of_other_names_are_independent() -> None:
    first, second = (generator("a", k).standard_normal(2000) for k in (1, 2))
    assert abs((first * second).mean()) < 0.1
