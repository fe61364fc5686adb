import pytest
from classify.train import prepare
from classify.labelled import *
from classify.evaluate import *
@pytest.mark.data
def test_x(data,topic):
    L=load_labelled(data/'labelled_dev.jsonl.gz'); P=prepare(L,topic); s=split_by_time_and_archive(L,'2023-07-01')
    import hashlib
    print(hashlib.md5(repr(P.pairs).encode()).hexdigest(), hashlib.md5(repr(P.items).encode()).hexdigest(), hashlib.md5(repr(P.groups).encode()).hexdigest(), topic.folder)
    print(evaluate_splits(P,[s],topic)); assert 0
