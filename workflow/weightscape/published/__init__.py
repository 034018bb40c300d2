"""Published WeightWatcher tables, analysed again: by the published procedure to the letter, and by ours."""
