-- The request of every client: one stone with its measures.
wrk.method = "POST"
wrk.path = "/v1/valuations"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "x": 6.8, "y": 6.75, "z": 4.2}'
