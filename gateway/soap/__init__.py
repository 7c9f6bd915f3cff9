"""SOAP, as both sides of the gateway speak it: its names, and what an X.509 signature proves."""
