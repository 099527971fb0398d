-- SEARCH TEXT looks into the headers of parts too: what the index knows is made
-- anew, behind everything else.

TRUNCATE search_grams, search_state;
