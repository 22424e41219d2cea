-- HOW: forgets the noted changes; the histograms include them now. No day can add one meanwhile (exclusive lock).
delete from stats.session_day_change
