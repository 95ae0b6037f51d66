"""Turn prices into regimes, regimes into target weights, weights into orders. Pure.

kalman and indicators compute, regime reads, allocation chooses the weights, sizing makes
the orders, registry names the strategies and their parameters.
"""
