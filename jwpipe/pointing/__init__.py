"""Where the telescope pointed: engineering telemetry to the keywords of pointing, and what is told from them."""
