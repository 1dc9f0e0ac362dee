"""The model behind `scripts.bench.simulate`: a day's uploads, the product's scheduler, and converters."""
