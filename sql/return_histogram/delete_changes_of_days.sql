-- HOW: forgets the noted changes of the days :first_day to :last_day; their histograms were written anew.
delete from stats.session_day_change where bucket_date between :first_day and :last_day
