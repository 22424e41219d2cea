-- One pass over the least recently tried dead letters (C2). In: batch (rows), link_grace (seconds), retention (days).
-- Out: one row, replayed / refused / expired.
select * from stats.replay_dead_letters(:batch, make_interval(secs => :link_grace), make_interval(days => :retention))
