"""The HTTP side: availability, stock, the change stream and the live page. Reads by SQL only; decides nothing."""
