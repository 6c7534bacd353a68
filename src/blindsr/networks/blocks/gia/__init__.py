"""Parts of GIA: alignment by flow, channel attention, spatial attention in windows."""
