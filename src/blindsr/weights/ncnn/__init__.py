"""Networks in files of ncnn (``.param``, ``.bin``), as programs around Real-ESRGAN use them."""
