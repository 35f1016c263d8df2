"""Talk with trained models: in the terminal, and over HTTP for programs and a web page."""
