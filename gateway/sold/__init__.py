"""Privacy of sold goods: edges are told what their site sold, so that they drop reads of it, and what came back."""
