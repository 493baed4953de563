"""From which sites an order is served: plans with their price, their time and how sure they are."""
