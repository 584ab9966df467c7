"""Questions of this project's own: worst cases, trained heads, extension, precision; and the models behind them."""
